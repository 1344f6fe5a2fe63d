# frozen_string_literal: true

provides :conductor_run
unified_mode true

property :id, String, required: true, desired_state: false,
                      description: 'The service in whose image and environment the command runs.'
property :command, Array, required: true, desired_state: false,
                          description: 'The program and its arguments, without a shell.'
property :revision, String, desired_state: false,
                            description: 'The version of the service; the one that runs unless given.'
property :env, Hash, default: {}, desired_state: false, description: 'Variables, on top of its own.'
property :user, String, desired_state: false
property :memory, String, desired_state: false
property :cpu, [String, Numeric], desired_state: false
property :timeout, [String, Integer], desired_state: false,
                                      description: 'How long it may run, for example 10min.'
property :detach, [true, false], default: false, desired_state: false,
                                 description: 'Whether to go on while it runs.'
property :input, String, desired_state: false, description: 'What it reads on its standard input.'
property :returns, [Integer, Array], default: 0, desired_state: false,
                                     description: 'The exit statuses that are no failure.'
property :creates, String, desired_state: false,
                           description: 'A file of the host; if it is there, nothing is run.'
property :program, String, default: 'conductor', desired_state: false,
                           description: 'The program conductor, if it is not in the PATH.'

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
