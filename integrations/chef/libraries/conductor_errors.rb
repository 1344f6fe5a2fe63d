# frozen_string_literal: true

module ConductorCookbook
  # An error of conductor or of the cookbook; the message is complete.
  class Error < StandardError
    # Returns whether the host is as before; false if that is not known.
    def changed_nothing?
      false
    end

    # Returns an error with the system's message, without Ruby's additions.
    #
    # @param doing [String] what failed, as a verb
    def self.of_system(doing, error)
      words = SystemCallError.new(nil, error.errno).message
      hint = error.is_a?(Errno::EACCES) ? "\n  hint: run the Chef client as root" : ''
      new("cannot #{doing}: #{words}#{hint}")
    end
  end

  # There is no program `conductor` on this host.
  class NotInstalled < Error
    def initialize(program)
      super("#{program} is not installed on this host, or not in the PATH of the Chef client")
    end
  end

  # conductor's own `error` and `errors`: it changed nothing, or could not continue.
  class Refused < Error
    attr_reader :kind, :problems

    # @param answer [Hash] what conductor printed
    # @param doing [String] what it was asked to do
    # @param text [String, nil] the text of the definition; the message shows the lines with errors
    def initialize(answer, doing:, text: nil)
      @kind = answer.fetch('error').fetch('kind')
      @problems = answer.fetch('errors', [answer.fetch('error')])
      @lines = text.to_s.lines(chomp: true)
      super(["cannot #{doing}:", *@problems.flat_map { |problem| describe(problem) }].join("\n"))
    end

    def changed_nothing?
      true
    end

    private

    def describe(problem)
      place = problem.values_at('file', 'line', 'column').compact.join(':')
      text = [place, problem['path'].to_s, problem['message']].reject(&:empty?).join(': ')
      lines = ["  #{text}"]
      lines << "    #{problem['line']} | #{source(problem)}" if source(problem)
      lines << "    hint: #{problem['hint']}" if problem['hint']
      lines
    end

    def source(problem)
      line = problem['line']
      @lines[line - 1] if line&.positive?
    end
  end

  # A change that failed: the step, the reason, the last health check, and the end of the journal.
  class Failed < Error
    attr_reader :failures

    # The exit status after which the previous release serves as before.
    OLD_SERVES = 3

    # @param report [Hash] the result of `apply`, `deploy` or `remove`
    # @param status [Integer, nil] the exit status of conductor
    # @param sensitive [Boolean] whether to hide the output of the service
    def initialize(report, status: nil, sensitive: false)
      @sensitive = sensitive
      @kept = status == OLD_SERVES || report['changed'] == false
      services = report.fetch('services').reject { |service| complete?(service) }
      @failures = services.filter_map { |service| service['failure'] }
      super(services.flat_map { |service| describe(service) }.join("\n"))
    end

    def changed_nothing?
      @kept || (failures.any? && failures.all? { |failure| failure['undone'] })
    end

    private

    def complete?(service)
      !service['failure'] && Array(service['left']).empty?
    end

    def describe(service)
      failure = service['failure']
      lines = failure ? describe_failure(service['id'], failure) : ["#{service['id']}: interrupted"]
      lines + Array(service['left']).map { |step| "  not done: #{step['text']}" }
    end

    def describe_failure(id, failure)
      unit = failure['unit']
      unit = unit && failure['step']['unit'] != unit ? " (#{unit})" : ''
      ["#{id}: #{failure['step']['text']}#{unit}: #{failure['reason']}",
       *evidence(id, failure), *outcome(id, failure)]
    end

    def evidence(id, failure)
      return ["  (sensitive: see conductor logs --id #{id})"] if @sensitive

      check = failure['status'] && "  last health check: #{failure['status']}"
      [*check, *failure['journal'].map { |line| "  | #{line}" }]
    end

    def outcome(id, failure)
      { 'undone' => 'the change was undone',
        'old_serves' => 'the previous release still serves',
        'retried' => "systemd keeps trying to start it; conductor logs --id #{id} has more" }
        .filter_map { |key, text| "  #{text}" if failure[key] }
    end
  end
end
