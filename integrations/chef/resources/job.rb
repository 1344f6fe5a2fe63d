# frozen_string_literal: true

provides :conductor_job
unified_mode true

property :job, String, name_property: true, desired_state: false,
                       description: 'The name of the job, a key of cron in the definition.'
property :id, String, required: true, desired_state: false, description: 'The service.'
property :program, String, default: 'conductor', desired_state: false,
                           description: 'The path of conductor, if it is not in the PATH.'

default_action :run

# Run the job now, and wait for its end.
action :run do
  change = job.run
  converge_by(change.descriptions) do
    wrote = change.carry_out
    logger.info("#{new_resource}: #{wrote.join("\n")}") unless new_resource.sensitive
  end
end

# Keep the clock from running the job.
action :pause do
  converge job.pause
end

# Let the clock run the job again.
action :resume do
  converge job.resume
end

action_class do
  def job
    ConductorCookbook::Job.of(new_resource, why_run: whyrun_mode?)
  end

  def converge(change)
    converge_by(change.descriptions) { change.carry_out } unless change.empty?
  end
end
