//! The live list of running steps: a thread redraws it in place, so that the times advance during a long
//! step.
//!
//! The cursor stays visible, below the list. So the terminal is usable however the process ends.

use std::fmt::Write as _;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use conductor_host::Event;

use super::lines;
use super::screen::{Drawn, RunningStep, Screen};
use crate::terminal::Size;
use crate::{print, terminal};

/// The shortest time between two redraws.
const INTERVAL: Duration = Duration::from_millis(100);

/// Draws the list until it is dropped.
pub(super) struct Live {
    messages: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

/// A message to the thread.
enum Message {
    Waiting(String),
    Began(RunningStep),
    /// A step was done or failed, and leaves a line.
    Ended {
        service: String,
        step: String,
        line: String,
    },
    Instances(Vec<conductor_host::Progress>),
    Line(String),
}

impl Live {
    pub(super) fn new() -> Self {
        let (sender, receiver) = channel();
        let thread = thread::spawn(move || draw(&receiver));
        Self { messages: Some(sender), thread: Some(thread) }
    }

    pub(super) fn tell(&self, event: &Event) {
        if let Some(message) = message(event) {
            self.send(message);
        }
    }

    /// Prints a permanent line.
    pub(super) fn say(&self, line: &str) {
        self.send(Message::Line(line.to_owned()));
    }

    fn send(&self, message: Message) {
        if let Some(messages) = &self.messages {
            // If the thread has ended, there is nothing to draw.
            let _ = messages.send(message);
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.messages.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn message(event: &Event) -> Option<Message> {
    Some(match event {
        Event::Waiting { holder } => Message::Waiting(lines::waiting(holder)),
        Event::Step { step, .. } | Event::Done { step, .. } if step.action.is_file() => {
            return None;
        }
        Event::Step { service, step } => Message::Began(RunningStep {
            service: service.to_string(),
            step: step.to_string(),
            since: Instant::now(),
        }),
        Event::Done { service, step, .. } => Message::Ended {
            service: service.to_string(),
            step: step.to_string(),
            line: lines::line(event).unwrap_or_else(|| format!("{service}: {step}")),
        },
        Event::Failed { service, failure } => Message::Ended {
            service: service.to_string(),
            step: failure.step.to_string(),
            line: lines::line(event)?,
        },
        Event::Instances { instances } => Message::Instances(instances.clone()),
        _ => Message::Line(lines::line(event)?),
    })
}

/// Draws until the channel is closed, and then removes the list.
fn draw(messages: &Receiver<Message>) {
    let color = terminal::has_colors();
    let mut screen = Screen::default();
    let (mut lines, mut drawn) = (Vec::new(), Vec::new());
    loop {
        let open = collect(messages, &mut screen, &mut lines);
        let size = terminal::size();
        let rows = if open { screen.rows(Instant::now(), size, color) } else { Vec::new() };
        if !lines.is_empty() || rows != drawn {
            let text = frame(&drawn, &lines, &rows, size);
            let _ = print::orders(&text);
            lines.clear();
            drawn = rows;
        }
        if !open {
            return;
        }
    }
}

/// Receives messages for one interval. Returns whether the channel is open.
fn collect(messages: &Receiver<Message>, screen: &mut Screen, lines: &mut Vec<String>) -> bool {
    let until = Instant::now() + INTERVAL;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match messages.recv_timeout(left) {
            Ok(message) => take(message, screen, lines),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        if left.is_zero() {
            return true;
        }
    }
}

fn take(message: Message, screen: &mut Screen, lines: &mut Vec<String>) {
    if let Message::Waiting(line) = message {
        screen.waiting.get_or_insert_with(|| (String::new(), Instant::now())).0 = line;
        return;
    }
    screen.waiting = None;
    match message {
        Message::Waiting(_) => {}
        Message::Began(running) => screen.steps.push(running),
        Message::Ended { service, step, line } => {
            screen.steps.retain(|running| running.service != service || running.step != step);
            // The state was sent before the step ended. Without its step, it would be shown as a separate
            // row.
            screen.instances.retain(|one| step.split(' ').all(|word| word != one.unit.as_str()));
            lines.push(line);
        }
        Message::Instances(instances) => screen.instances = instances,
        Message::Line(line) => lines.push(line),
    }
}

/// Returns the text that clears the previous rows, and writes permanent lines and new rows.
fn frame(drawn: &[Drawn], lines: &[String], rows: &[Drawn], size: Size) -> String {
    let mut text = String::new();
    // If the terminal has become narrower, it may have wrapped them.
    let height = |row: &Drawn| row.columns.div_ceil(size.columns.max(1)).max(1);
    let up: usize = drawn.iter().map(height).sum();
    if up > 0 {
        // ECMA-48's CPL and ED.
        let _ = write!(text, "\x1b[{up}F\x1b[J");
    }
    for line in lines.iter().chain(rows.iter().map(|row| &row.text)) {
        text.extend([line, "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::lines::tests::each_event;

    #[test]
    fn a_frame_takes_the_one_before_away() {
        let row = |columns: usize| Drawn { text: "x".repeat(columns), columns };
        let size = Size { columns: 10, lines: 5 };
        let line = ["done".to_owned()];
        assert_eq!(frame(&[], &line, &[row(2)], size), "done\nxx\n");
        assert_eq!(frame(&[row(2), row(9)], &line, &[row(1)], size), "\x1b[2F\x1b[Jdone\nx\n");
        // The terminal became narrower and wrapped this row.
        assert_eq!(frame(&[row(11), row(0)], &[], &[], size), "\x1b[3F\x1b[J");
    }

    #[test]
    fn what_ended_leaves_a_line_and_no_row() {
        let (mut screen, mut lines) = (Screen::default(), Vec::new());
        let mut most = 0;
        each_event(&mut |event| {
            if let Some(message) = message(event) {
                take(message, &mut screen, &mut lines);
            }
            most = most.max(screen.steps.len() + screen.instances.len());
        });
        assert_eq!(most, 2);
        let rows = screen.rows(Instant::now(), Size { columns: 80, lines: 24 }, false);
        assert!(rows.is_empty(), "{rows:?}");
        insta::assert_snapshot!(lines.join("\n"), @r#"
        web: | "migrated"[0m
        web: start conductor-web-v2.7f3ac2-1.service
        web: start conductor-web-v2.7f3ac2-1.service: done in 1.4s
        web: note: the image was not removed
        web: start conductor-web-v2.7f3ac2-1.service: failed
        web: start conductor-web-v2.7f3ac2-1.service: interrupted
        systemd reloads its unit files
        "#);
    }
}
