# frozen_string_literal: true

require_relative 'conductor_change'
require_relative 'conductor_cli'

module ConductorCookbook
  # A scheduled job of a service. Each of {#run}, {#pause} and {#resume} returns a {Change}.
  class Job
    # The longest time that a run may take.
    PATIENCE = 7 * 24 * 3600
    # The number of last lines that an error shows.
    TAIL = 20

    # Returns a job for a resource, or for anything that has its properties.
    #
    # @param why_run [Boolean] whether nothing is changed; then the job may be missing, because an earlier
    #   resource would have made it
    def self.of(resource, why_run: false)
      cli = CLI.new(program: resource.program, patience: PATIENCE, sensitive: resource.sensitive)
      new(resource.job, id: resource.id, cli: cli, sensitive: resource.sensitive, why_run: why_run)
    end

    def initialize(name, id:, cli: CLI.new, sensitive: false, why_run: false)
      @name = name
      @id = id
      @cli = cli
      @sensitive = sensitive
      @why_run = why_run
    end

    # Runs the job now, each time, and waits for its end.
    #
    # Carrying it out returns the lines that the job wrote.
    def run
      doing = "run the job #{@name} of #{@id}"
      planned('run-now', doing)
      Change.new([doing]) do
        @cli.insist_on_contract
        ran = @cli.run('--output', 'json', *arguments('run-now'))
        ended = last_object(ran)
        raise Error, failure(ended) if ended && ran.error?

        # Without a result, conductor itself failed.
        (ended || @cli.json(*arguments('run-now'), doing: doing))['output']
      end
    end

    # Keeps the clock from running the job.
    def pause
      of_steps('pause', "pause the job #{@name} of #{@id}")
    end

    # Lets the clock run the job again.
    def resume
      of_steps('resume', "resume the job #{@name} of #{@id}")
    end

    private

    def arguments(verb)
      ['cron', verb, '--id', @id, @name]
    end

    def of_steps(verb, doing)
      Change.new(planned(verb, doing)) { @cli.json(*arguments(verb), doing: doing) }
    end

    # Returns the steps of a dry run.
    def planned(verb, doing)
      answer = @cli.json(*arguments(verb), '--dry-run', doing: doing)
      answer['services'].flat_map { |service| service['steps'] }.map { |step| step['step']['text'] }
    rescue NotInstalled, Refused => e
      raise unless @why_run

      ["#{doing} (#{e.message})"]
    end

    def last_object(ran)
      answer = JSON.parse(CLI.text(ran.stdout).lines.last.to_s)
      answer if answer.key?('output')
    rescue JSON::ParserError
      nil
    end

    def failure(ended)
      how = "#{ended['result']}, exit status #{ended['exit_status']}"
      lines = ended['output'].last(TAIL)
      lines = ["(sensitive: see conductor logs #{@id} --job #{@name})"] if @sensitive
      ["the job #{@name} of #{@id} failed: #{how}", *lines.map { |line| "  | #{line}" }].join("\n")
    end
  end
end
