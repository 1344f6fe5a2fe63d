# frozen_string_literal: true

require_relative 'conductor_change'
require_relative 'conductor_cli'

module ConductorCookbook
  # A command that runs once with the image of a service, its environment, secrets, volumes and user.
  class Run
    # The meanings of exit statuses that are not the command's own.
    REASONS = {
      nil => 'a signal ended conductor',
      124 => 'exit status 124, as after its timeout',
      125 => 'conductor failed',
      126 => 'the program cannot be run',
      127 => 'there is no such program'
    }.freeze
    CONDUCTOR_FAILED = 125
    # Shorter words are not treated as secrets, because they occur in other words.
    SECRET = 4
    # The number of last lines that the error shows.
    TAIL = 20
    # conductor's own `--timeout` ends the command; without it a command may run for a week.
    PATIENCE = 7 * 24 * 3600

    # Returns a run for a resource, or for anything that has its properties.
    def self.of(resource)
      options = %i[id revision env user memory cpu timeout detach input returns sensitive creates]
      options = options.to_h { |option| [option, resource.public_send(option)] }
      cli = CLI.new(program: resource.program, patience: PATIENCE, sensitive: resource.sensitive)
      new(resource.command, cli: cli, **options)
    end

    # @param command [Array<String>] the program and its arguments, without a shell
    # @param creates [String, nil] if this file exists, there is nothing to do
    # @param returns [Integer, Array<Integer>] the exit statuses that are not a failure
    def initialize(command, id:, cli: CLI.new, revision: nil, env: {}, user: nil, memory: nil, cpu: nil,
                   timeout: nil, detach: false, input: nil, returns: 0, sensitive: false, creates: nil)
      @id = id
      @command = command.each_with_index.map { |word, index| text(word, "command[#{index}]") }
      @cli = cli
      @options = { revision: revision, user: user, memory: memory, cpu: cpu, timeout: timeout }.compact
      @env = env.to_h { |name, value| [name, text(value, "env.#{name}")] }
      @detach = detach
      @input = input
      @returns = Array(returns)
      @sensitive = sensitive
      @creates = creates
    end

    # Returns the run as a change, which is empty if the file `creates` exists.
    #
    # Carrying it out returns the standard output of the command; with `detach`, the unit.
    def change
      raise Error, "cannot run in #{@id}: command is empty" if @command.empty?
      raise Error, "cannot #{description}: it would have no standard input" if @detach && @input
      return Change.new([]) if @creates && File.exist?(@creates)

      Change.new([description]) { @detach ? start : run }
    end

    private

    # nil or a hash would become text that nobody intended.
    def text(value, path)
      return value.to_s if [String, Symbol, Numeric].any? { |type| value.is_a?(type) }

      kind = value.nil? ? 'nil' : "a #{value.class}"
      raise Error, "cannot run in #{@id}: #{path} must be text, but is #{kind}"
    end

    def description
      command = @sensitive ? '(sensitive)' : @command.join(' ')
      "run #{command} in #{@id}#{' without waiting for it' if @detach}"
    end

    def arguments
      options = @options.flat_map { |name, value| ["--#{name}", value.to_s] }
      env = @env.flat_map { |name, value| ['--env', "#{name}=#{value}"] }
      ['run', '--id', @id, *options, *env]
    end

    def start
      @cli.json(*arguments, '--detach', '--', *@command, doing: description).fetch('unit')
    rescue Error => e
      raise unless @sensitive

      raise Error, without_secrets(e.message)
    end

    def run
      @cli.insist_on_contract
      ran = @cli.run(*arguments, '--', *@command, input: @input)
      return CLI.text(ran.stdout) if @returns.include?(ran.exitstatus)

      raise Error, failure(ran)
    end

    def failure(ran)
      status = ran.exitstatus
      lines = ["cannot #{description}: #{REASONS.fetch(status, "exit status #{status}")}"]
      # conductor's own messages do not contain the command's output.
      lines += tail(ran.stderr) if !@sensitive || status == CONDUCTOR_FAILED
      lines += tail(ran.stdout) unless @sensitive
      text = lines.join("\n")
      @sensitive ? without_secrets(text) : text
    end

    # A message of conductor may contain the program or a variable that it rejects.
    def without_secrets(text)
      secrets = [*@command, *@env.values, @input].compact.map { |secret| CLI.text(secret).strip }
      secrets = secrets.select { |secret| secret.length >= SECRET }.sort_by { |secret| -secret.length }
      secrets.reduce(text) { |shown, secret| shown.gsub(secret, '(sensitive)') }
    end

    def tail(output)
      CLI.text(output).lines(chomp: true).last(TAIL).map { |line| "  | #{line}" }
    end
  end
end
