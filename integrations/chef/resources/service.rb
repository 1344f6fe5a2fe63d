# frozen_string_literal: true

provides :conductor_service
unified_mode true

property :id, String, name_property: true,
                      description: 'The name of the service on this host.'
property :definition, Hash, default: {},
                            description: 'The definition as a hash, for example of node attributes.'
property :revision, String,
         description: 'The revision that :deploy deploys, and :create writes into the definition.'

# The keys of the definition; each overrides the same key of `definition`.
property :type, String, equal_to: %w[service oneshot], desired_state: false
property :runtime, String, equal_to: %w[native docker podman], desired_state: false
property :image, String, desired_state: false
property :entrypoint, Array, desired_state: false
property :command, Array, desired_state: false
property :instances, Integer, desired_state: false
property :depends_on, [Array, Hash], desired_state: false
property :port, Integer, desired_state: false
property :listen, String, desired_state: false
property :network_mode, String, desired_state: false
property :pod, [String, Hash], desired_state: false
property :ports, Array, desired_state: false
property :networks, [Array, Hash], desired_state: false
property :env, Hash, desired_state: false
property :env_files, Array, desired_state: false
property :secrets, Hash, desired_state: false
property :volumes, Array, desired_state: false
property :volume_names, Hash, desired_state: false
property :user, String, desired_state: false
property :cap_add, Array, desired_state: false
property :cap_drop, Array, desired_state: false
property :group_add, Array, desired_state: false
property :working_dir, String, desired_state: false
property :hostname, String, desired_state: false
property :container_name, String, desired_state: false
property :init, [true, false], desired_state: false
property :stop_signal, String, desired_state: false
property :ulimits, Hash, desired_state: false
property :extra_hosts, Array, desired_state: false
property :dns, Array, desired_state: false
property :dns_search, Array, desired_state: false
property :tmpfs, Array, desired_state: false
property :runtime_directory, String, desired_state: false
property :read_only, [true, false], desired_state: false
property :security_opt, Array, desired_state: false
property :devices, Array, desired_state: false
property :privileged, [true, false], desired_state: false
property :shm_size, [String, Integer], desired_state: false
property :sysctls, Hash, desired_state: false
property :pid, String, desired_state: false
property :ipc, String, desired_state: false
property :userns, String, desired_state: false
property :tty, [true, false], desired_state: false
property :gpus, [String, Integer], desired_state: false
property :platform, String, desired_state: false
property :labels, Hash, desired_state: false
property :options, Array, desired_state: false
property :limits, Hash, desired_state: false
property :health, Hash, desired_state: false
property :deploy, Hash, desired_state: false
property :proxy, Hash, desired_state: false
property :sandbox, [true, false], desired_state: false
property :on, Hash, desired_state: false
property :cron, Hash, desired_state: false
property :mail_to, String, desired_state: false
property :max_parallel, Integer, desired_state: false
property :processes, Hash, desired_state: false
property :systemd, Hash, desired_state: false

property :pull, String, equal_to: %w[missing always never], desired_state: false,
                        description: 'When :create and :deploy pull images, in place of the key pull.'
property :directory, String, default: '/etc/conductor/services', desired_state: false,
                             description: 'The directory of the definitions on this host.'
property :program, String, default: 'conductor', desired_state: false,
                           description: 'The path of conductor, if it is not in the PATH.'
property :timeout, Integer, default: 3600, desired_state: false,
                            description: 'The number of seconds after which conductor is ended.'

default_action :create

load_current_value do |new_resource|
  service = ConductorCookbook::Service.of(new_resource)
  current = service.current_definition
  current_value_does_not_exist! unless current
  definition current.hash
  running = service.current_revision
  revision running if running
end

# Write the definition and make the host run it.
action :create do
  converge service.create
end

# Deploy the revision, without downtime.
action :deploy do
  converge service.deploy
end

# Start the service, as the resource defines it or as it is defined.
action :start do
  converge service.start
end

# Stop the service until it is started: also in the next apply and after a reboot.
action :stop do
  converge service.stop
end

# Go back to the release of the revision, or to the one that the current release replaced.
action :rollback do
  converge service.rollback
end

# Start the instances anew, without downtime.
action :restart do
  converge service.restart
end

# Stop the service, and remove its units and its definition.
action :delete do
  converge service.delete
end

action_class do
  def service
    ConductorCookbook::Service.of(new_resource, why_run: whyrun_mode?)
  end

  def converge(change)
    converge_by(change.descriptions) { change.carry_out } unless change.empty?
  end
end
