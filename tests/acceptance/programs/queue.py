"""Adds a message to a durable queue of RabbitMQ, or prints all messages and leaves them there."""

import sys

import pika

connection = pika.BlockingConnection()
channel = connection.channel()
channel.queue_declare("log", durable=True)
if len(sys.argv) > 1:
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=2)
    channel.basic_publish("", "log", sys.argv[1], persistent)
else:
    while (message := channel.basic_get("log"))[0]:
        print(message[2].decode())
connection.close()
