# frozen_string_literal: true

provides :conductor_run
unified_mode true

property :id, String, required: true, desired_state: false,
                      description: 'The service in whose image and environment the command runs.'
property :command, Array, required: true, desired_state: false,
                          description: 'The program and its arguments, without a shell.'
property :revision, String, desired_state: false,
                            description: 'The revision of the service; default: the current one.'
property :env, Hash, default: {}, desired_state: false, description: 'Variables, in addition to its own.'
property :user, String, desired_state: false
property :memory, String, desired_state: false
property :cpu, [String, Numeric], desired_state: false
property :timeout, [String, Integer], desired_state: false,
                                      description: 'The longest time it may run, for example 10min.'
property :detach, [true, false], default: false, desired_state: false,
                                 description: 'Whether to continue without waiting for it.'
property :input, String, desired_state: false, description: 'The standard input of the command.'
property :returns, [Integer, Array], default: 0, desired_state: false,
                                     description: 'The exit statuses that are not a failure.'
property :creates, String, desired_state: false,
                           description: 'A file on the host; if it exists, the command does not run.'
property :program, String, default: 'conductor', desired_state: false,
                           description: 'The path of conductor, if it is not in the PATH.'

default_action :run

# Run the command once.
action :run do
  change = ConductorCookbook::Run.of(new_resource).change
  next if change.empty?

  converge_by(change.descriptions) do
    wrote = change.carry_out
    logger.info("#{new_resource}: #{wrote}") unless new_resource.sensitive
  end
end
