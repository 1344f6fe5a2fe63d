# frozen_string_literal: true

require 'json'
require 'mixlib/shellout'
require_relative 'conductor_errors'

module ConductorCookbook
  # The program `conductor`: all that the cookbook knows of a host, and does to it, goes through here.
  class CLI
    # Deploys pull images and wait for health; an hour is for those that hang.
    PATIENCE = 3600
    # The version of what conductor prints that the cookbook knows; docs/cli.md says when it goes up.
    CONTRACT = 2

    # @param program [String] a path, or a name that is looked for in PATH
    # @param patience [Integer] after how many seconds a run is ended
    # @param sensitive [Boolean] whether errors leave out arguments, and what services and commands wrote
    def initialize(program: 'conductor', patience: PATIENCE, sensitive: false)
      @program = program
      @patience = patience
      @sensitive = sensitive
    end

    # Runs a command and gives its result, the last line of its JSON; events come before it.
    #
    # @param doing [String] what it is for, as a verb, for the error
    # @param rename [Hash] paths that are called something else in what it says
    # @param text [String, nil] the definition that is asked about
    # @return [Hash]
    # @raise [Refused] conductor says `error`
    # @raise [Failed] the result has a failure, or steps that were not taken
    def json(*arguments, doing:, rename: {}, text: nil)
      insist_on_contract
      ran = run('--output', 'json', *arguments)
      answer = parse(ran, last_line(ran, rename))
      raise Refused.new(answer, doing: doing, text: text) if answer.key?('error')
      raise Failed.new(answer, sensitive: @sensitive) if ran.error? && answer.key?('services')
      raise Error, "cannot #{doing}: #{ending(ran)}" if ran.error?

      answer
    end

    # Asks conductor which version of its contract it keeps, once.
    #
    # @raise [Error] not the one that the cookbook knows: its answers could mean anything
    def insist_on_contract
      @contract ||= contract
      return if @contract == CONTRACT

      raise Error, "#{@program} keeps version #{@contract} of its contract, and this cookbook knows " \
                   "version #{CONTRACT}; install conductor and the cookbook of one release"
    end

    # Runs a command to its end, whatever that is.
    #
    # @param input [String, nil] its standard input
    # @return [Mixlib::ShellOut]
    def run(*arguments, input: nil)
      command = Mixlib::ShellOut.new(@program, *arguments, input: input, timeout: @patience)
      command.run_command
      command
    rescue Errno::ENOENT, Errno::EACCES
      raise NotInstalled, @program
    rescue Mixlib::ShellOut::CommandTimeout
      raise Error, late(arguments, self.class.text(command.stdout))
    end

    # Gives what a program wrote as text, whatever the locale of the Chef client is.
    def self.text(output)
      output.dup.force_encoding(Encoding::UTF_8).scrub
    end

    private

    def contract
      ran = run('schema', '--output-of', 'check')
      parse(ran, self.class.text(ran.stdout)).fetch('x-contract-version', 'no')
    end

    def last_line(ran, rename)
      last = self.class.text(ran.stdout).lines.last.to_s
      rename.reduce(last) { |line, (from, to)| line.gsub(from, to) }
    end

    def parse(ran, text)
      answer = JSON.parse(text)
      raise Error, "#{@program} prints no object: #{text}" unless answer.is_a?(Hash)

      answer
    rescue JSON::ParserError
      raise Error, "#{@program} prints no JSON: #{ending(ran)}"
    end

    # Says that a run was ended, and at what. With `sensitive` its arguments and its output may be secrets.
    def late(arguments, events)
      shown = @sensitive ? '(sensitive)' : arguments.join(' ')
      text = "#{@program} #{shown} did not end within #{@patience} seconds"
      @sensitive ? text : [text, *busy_with(events)].join("\n")
    end

    # Says what conductor was at, by the events that it wrote: what it is told to end at has failed, and the
    # steps after that are those that undo.
    def busy_with(events)
      at = nil
      events.each_line do |line|
        event = JSON.parse(line)
        at = "  it waited for another run: #{event['holder']}" if event['event'] == 'waiting'
        at = "  it was at: #{event['step']['text']}" if %w[step failed].include?(event['event'])
        break if event['event'] == 'failed'
      end
      at
    rescue JSON::ParserError
      # A line that was cut off.
      at
    end

    def ending(ran)
      how = ran.exitstatus ? "exit status #{ran.exitstatus}" : 'ended by a signal'
      [how, self.class.text(ran.stderr).strip].reject(&:empty?).join("\n")
    end
  end
end
