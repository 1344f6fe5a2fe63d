# frozen_string_literal: true

require 'json'
require 'mixlib/shellout'
require_relative 'conductor_errors'

module ConductorCookbook
  # The program `conductor`. The cookbook reads and changes a host only through it.
  class CLI
    # Deploys pull images and wait for health. After an hour, a deploy probably hangs.
    PATIENCE = 3600
    # The version of the contract that the cookbook needs; docs/cli.md says when it goes up.
    CONTRACT = 2

    # @param program [String] a path, or a name that is searched for in PATH
    # @param patience [Integer] the number of seconds after which conductor is ended
    # @param sensitive [Boolean] whether errors leave out arguments, and the output of services and commands
    def initialize(program: 'conductor', patience: PATIENCE, sensitive: false)
      @program = program
      @patience = patience
      @sensitive = sensitive
    end

    # Runs a command and returns its result, the last line of its JSON; events come before it.
    #
    # @param doing [String] what the command does, as a verb, for the error
    # @param rename [Hash] replacements for paths in the output
    # @param text [String, nil] the text of the definition, for the error
    # @return [Hash]
    # @raise [Refused] conductor printed an `error`
    # @raise [Failed] the result has a failure, or steps that were not carried out
    def json(*arguments, doing:, rename: {}, text: nil)
      insist_on_contract
      ran = run('--output', 'json', *arguments)
      answer = parse(ran, last_line(ran, rename))
      raise Refused.new(answer, doing: doing, text: text) if answer.key?('error')
      if ran.error? && answer.key?('services')
        raise Failed.new(answer, status: ran.exitstatus, sensitive: @sensitive)
      end
      raise Error, "cannot #{doing}: #{ending(ran)}" if ran.error?

      answer
    end

    # Checks the version of conductor's contract, once.
    #
    # @raise [Error] the cookbook does not know the version, so the meaning of answers is unknown
    def insist_on_contract
      @contract ||= contract
      return if @contract == CONTRACT

      raise Error, "#{@program} has version #{@contract} of its contract, but this cookbook needs " \
                   "version #{CONTRACT}; install conductor and the cookbook from one release"
    end

    # Runs a command to its end, whether it succeeds or not.
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

    # Returns the output of a program as text, whatever the locale of the Chef client is.
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

    # Returns an error for a conductor that was ended, with its step. With `sensitive` it leaves out arguments
    # and output, which may be secret.
    def late(arguments, events)
      shown = @sensitive ? '(sensitive)' : arguments.join(' ')
      text = "#{@program} #{shown} did not end within #{@patience} seconds"
      @sensitive ? text : [text, *busy_with(events)].join("\n")
    end

    # Returns the step at which conductor was ended, from its events. That step has failed, and the steps
    # after it are the undo.
    def busy_with(events)
      at = nil
      events.each_line do |line|
        event = JSON.parse(line)
        at = "  it waited for: #{event['holder']}" if event['event'] == 'waiting'
        at = "  its step was: #{event['step']['text']}" if %w[step failed].include?(event['event'])
        break if event['event'] == 'failed'
      end
      at
    rescue JSON::ParserError
      # An incomplete line.
      at
    end

    def ending(ran)
      how = ran.exitstatus ? "exit status #{ran.exitstatus}" : 'ended by a signal'
      [how, self.class.text(ran.stderr).strip].reject(&:empty?).join("\n")
    end
  end
end
