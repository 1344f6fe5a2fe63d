# frozen_string_literal: true

require 'tmpdir'
require_relative 'conductor_change'
require_relative 'conductor_cli'
require_relative 'conductor_definition'

module ConductorCookbook
  # A service on this host: its definition, and what conductor runs of it.
  #
  # Each of {#create}, {#deploy} and {#delete} looks at the host, changes nothing, and gives a {Change}.
  class Service
    DIRECTORY = '/etc/conductor/services'

    # Makes one of a resource, or of anything that has its properties.
    #
    # @param why_run [Boolean] whether nothing is to be done: then conductor may be missing, because an
    #   earlier resource would have installed it
    def self.of(resource, why_run: false)
      fields = Definition::FIELDS.to_h { |field| [field, resource.public_send(field)] }
      new(
        resource.id,
        definition: Definition.merge(resource.id, resource.definition, fields),
        revision: resource.revision, sensitive: resource.sensitive, why_run: why_run,
        directory: resource.directory,
        cli: CLI.new(program: resource.program, patience: resource.timeout, sensitive: resource.sensitive)
      )
    end

    attr_reader :id

    # @param definition [Definition, nil] what is wanted; nil, or one with nothing but an id, leaves the file
    #   alone where that is possible
    # @param revision [String, nil] what is to run
    def initialize(id, definition: nil, revision: nil, directory: DIRECTORY, cli: CLI.new,
                   sensitive: false, why_run: false)
      @id = id
      @definition = definition || Definition.new('id' => id)
      @revision = revision
      @directory = directory
      @cli = cli
      @sensitive = sensitive
      @why_run = why_run
    end

    # Gives the path of the definition.
    def path
      File.join(@directory, "#{id}.json")
    end

    # Gives the definition that is there, or nil.
    def current_definition
      Definition.read(path)
    end

    # Gives the revision that runs; nil if there is none, or no conductor to ask.
    def current_revision
      status&.fetch('revision')
    rescue NotInstalled
      nil
    end

    # Writes the definition, with the revision if there is one, and makes the host run it.
    def create
      agree_on_revision
      wanted = @revision ? @definition.with('revision', @revision) : @definition
      steps = try_out(wanted) { |file, options| plan('apply', file, **options) }
      Change.new(differences(wanted) + steps) do
        write(wanted)
        @cli.json('apply', path, doing: "apply #{path}")
      end
    end

    # Writes the definition, unless there is nothing in it, and replaces what runs by the revision.
    def deploy
      raise Error, "cannot deploy #{id}: no revision is given; set the property revision" unless @revision

      agree_on_revision
      steps = defines? ? plan_with_candidate : plan_as_it_is
      Change.new((defines? ? differences(@definition) : []) + steps) do
        write(@definition) if defines?
        @cli.json(*deployment(@directory), doing: "deploy #{@revision} of #{id}")
      end
    end

    # Stops the service, and removes its units and then its definition.
    def delete
      refuse_other_definition
      running = status
      exists = File.exist?(path)
      Change.new([*removals(running), *("delete #{path}" if exists)]) do
        @cli.json('remove', '--id', id, doing: "remove #{id}") if running
        Definition.delete(path)
      end
    rescue NotInstalled
      raise unless @why_run

      Change.new(File.exist?(path) ? ["delete #{path}"] : [])
    end

    private

    def write(definition)
      definition.write(path) unless definition == current_definition
    end

    # Tells whether the resource says anything about the definition.
    def defines?
      @definition.hash.keys != ['id']
    end

    def agree_on_revision
      named = @definition.hash['revision']
      return if named.nil? || @revision.nil? || named == @revision

      raise Error, "the definition of #{id} names revision #{named}, and the resource #{@revision}; " \
                   'leave one of them out'
    end

    def differences(wanted)
      current = current_definition
      return [] if wanted == current

      [current ? "change #{path}" : "create #{path}",
       *wanted.differences(current, sensitive: @sensitive)]
    end

    # Gives what runs, or nil. What is no id conductor refuses, before a file of that name is deleted.
    def status
      @cli.json('status', '--id', id, doing: "ask what runs of #{id}")['services'].first
    rescue Refused => e
      raise unless e.kind == 'unknown_service'
    end

    def plan_with_candidate
      try_out(@definition) do |file, options|
        plan(*deployment(File.dirname(file)), **options)
      end
    end

    def plan_as_it_is
      plan(*deployment(@directory))
    rescue NotInstalled, Refused => e
      # In why-run, what is missing may be what an earlier resource would have brought.
      raise unless @why_run && (e.is_a?(NotInstalled) || e.kind == 'undefined_service')

      ["deploy #{@revision} of #{id} (#{e.message})"]
    end

    def deployment(directory)
      ['deploy', '--id', id, '--revision', @revision, '--definitions', directory]
    end

    # Has conductor check a definition that is not there yet, alone and then beside the others, and gives
    # what the block makes of it.
    def try_out(wanted)
      Dir.mktmpdir('conductor') do |directory|
        # Not by the id, which may be none and lead out of the directory.
        file = File.join(directory, 'candidate.json')
        wanted.write(file)
        # What conductor says is about the file that it would be.
        options = { rename: { file => path }, text: (wanted.text unless @sensitive) }
        @cli.json('check', file, doing: "use the definition of #{id}", **options)
        check_beside_others(file, options)
        yield file, options
      end
    rescue NotInstalled => e
      raise unless @why_run

      ["apply it (#{e.message})"]
    end

    # What is wrong with other definitions is not this one's business; what it has in common with them is.
    def check_beside_others(file, options)
      return if other_files.empty?

      @cli.json('check', *other_files, file, doing: "use the definition of #{id}", **options)
    rescue Refused => e
      raise if e.problems.any? { |problem| problem['file'] == path }
    end

    def plan(*arguments, **options)
      answer = @cli.json(*arguments, '--dry-run', doing: "plan #{id}", **options)
      services = answer['services']
      steps = services.flat_map { |service| service['steps'] }.map { |step| step['step']['text'] }
      down = services.any? { |service| service['downtime'] }
      down ? steps + ["let #{id} be down for a moment"] : steps
    end

    def removals(running)
      return [] unless running

      instances = running['instances'].map { |instance| "stop #{instance['unit']}" }
      jobs = running['jobs'].map { |job| "stop #{job['timer']}" }
      instances + jobs + ["remove the units of #{id}"]
    end

    def refuse_other_definition
      other = other_files.find { |file| names_it?(file) && defines_it?(file) }
      return unless other

      raise Error, "#{id} is defined in #{other}, too: the next `conductor apply` would start it again; " \
                   'remove that file first'
    end

    def other_files
      Dir.glob(File.join(@directory, '*.{yaml,yml,json,toml}')) - [path]
    end

    # Looks at the text first, because most files are not worth a process.
    def names_it?(file)
      File.read(file, encoding: Encoding::BINARY).include?(id)
    rescue SystemCallError
      # conductor cannot read it either: a directory, say, or a link to nowhere.
      false
    end

    def defines_it?(file)
      @cli.json('check', file, doing: "read #{file}")['services'].include?(id)
    rescue Refused
      false
    end
  end
end
