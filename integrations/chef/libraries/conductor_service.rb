# frozen_string_literal: true

require 'tmpdir'
require_relative 'conductor_change'
require_relative 'conductor_cli'
require_relative 'conductor_definition'

module ConductorCookbook
  # A service on this host: its definition, and its status.
  #
  # Each of {#create}, {#start}, {#stop}, {#deploy}, {#restart}, {#rollback} and {#delete} observes the host,
  # changes nothing, and returns a {Change}.
  class Service
    DIRECTORY = '/etc/conductor/services'
    # What a command does, where its name is not the verb.
    WORDS = { 'apply' => 'start', 'rollback' => 'roll back' }.freeze

    # Returns a service for a resource, or for anything that has its properties.
    #
    # @param why_run [Boolean] whether nothing is changed; then conductor may be missing, because an
    #   earlier resource would have installed it
    def self.of(resource, why_run: false)
      fields = Definition::FIELDS.to_h { |field| [field, resource.public_send(field)] }
      new(
        resource.id,
        definition: Definition.merge(resource.id, resource.definition, fields),
        revision: resource.revision, pull: resource.pull, sensitive: resource.sensitive, why_run: why_run,
        directory: resource.directory,
        cli: CLI.new(program: resource.program, patience: resource.timeout, sensitive: resource.sensitive)
      )
    end

    attr_reader :id

    # @param definition [Definition, nil] the desired definition; if it is nil, or has only an id, the file is
    #   not changed where that is possible
    # @param revision [String, nil] the desired revision
    # @param pull [String, nil] `missing`, `always` or `never`; nil for what the definition says
    def initialize(id, definition: nil, revision: nil, pull: nil, directory: DIRECTORY,
                   cli: CLI.new, sensitive: false, why_run: false)
      @id = id
      @definition = definition || Definition.new('id' => id)
      @revision = revision
      @pull = pull ? ['--pull', pull] : []
      @directory = directory
      @cli = cli
      @sensitive = sensitive
      @why_run = why_run
    end

    # Returns the path of the definition.
    def path
      File.join(@directory, "#{id}.json")
    end

    # Returns the current definition, or nil.
    def current_definition
      Definition.read(path)
    end

    # Returns the current revision; nil if there is none, or no conductor to ask.
    def current_revision
      # All processes of an application run the same revision.
      status&.first&.fetch('revision')
    rescue NotInstalled
      nil
    end

    # Writes the definition, with the revision if there is one, and makes the host run it.
    def create
      agree_on_revision
      applied(@revision ? @definition.with('revision', @revision) : @definition)
    end

    # Makes the host run the service at its current revision, as the resource defines it, or as it is defined.
    def start
      return applied(at_known_revision(@definition)) if defines?

      file = defined_in
      return Change.new(["start #{id}"]) unless file

      Change.new(plan_as_it_is(*application(file))) do
        @cli.json(*application(file), doing: "start #{id}")
        insist_on_instances(file)
      end
    end

    # Writes the definition without instances, and makes the host follow it: the service stays stopped.
    def stop
      unless defines?
        raise Error, "cannot stop #{id}: the resource does not define it; it stays stopped by " \
                     '`instances 0` in its definition, so give the resource the properties of the service'
      end

      applied(at_known_revision(@definition).stopped)
    end

    # Writes the definition, unless it is empty, and deploys the revision.
    def deploy
      raise Error, "cannot deploy #{id}: no revision is given; set the property revision" unless @revision

      agree_on_revision
      steps = defines? ? plan_with_candidate : plan_as_it_is(*deployment(@directory))
      Change.new((defines? ? differences(@definition) : []) + steps) do
        writing(defines? ? @definition : nil) do
          @cli.json(*deployment(@directory), doing: "deploy #{@revision} of #{id}")
        end
      end
    end

    # Starts the instances anew, without downtime.
    def restart
      as_it_is('restart', '--id', id, '--definitions', @directory, doing: "restart #{id}")
    end

    # Goes back to the release that is kept for the revision, or that the current one replaced.
    def rollback
      to = @revision ? ['--to', @revision] : []
      as_it_is('rollback', '--id', id, *to, '--definitions', @directory, doing: "roll back #{id}")
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

    # Writes a definition and makes the host follow it.
    def applied(wanted)
      steps = try_out(wanted) { |file, options| plan(*application(file), **options) }
      Change.new(differences(wanted) + steps) do
        writing(wanted) { @cli.json(*application(path), doing: "apply #{path}") }
      end
    end

    def as_it_is(*arguments, doing:)
      Change.new(plan_as_it_is(*arguments)) { @cli.json(*arguments, doing: doing) }
    end

    # Writes a definition, if there is one, and returns the result of the block. If the block fails and the
    # host is as before, so is the file: an `apply` by somebody else must not use what failed.
    def writing(definition)
      before = File.read(path, encoding: Encoding::BINARY) if File.file?(path)
      written = definition && definition != current_definition
      definition.write(path) if written
      yield
    rescue Error => e
      restore(before) if written && e.changed_nothing?
      raise
    end

    def restore(before)
      before ? Definition.write(path, before) : Definition.delete(path)
    end

    # A file that names the revision goes on doing so, and no other does.
    def at_known_revision(definition)
      named = current_definition&.hash&.key?('revision')
      named && @revision ? definition.with('revision', @revision) : definition
    end

    # Returns the file that defines the service; nil in why-run, if there is none yet.
    def defined_in
      file = File.exist?(path) ? path : other_files.find { |other| names_it?(other) && defines_it?(other) }
      return file if file || @why_run

      raise Error, "cannot start #{id}: no definition in #{@directory} has that id; give the resource the " \
                   'properties of the service'
    end

    # The start of a service that was stopped by {#stop} would do nothing.
    def insist_on_instances(file)
      return if status&.any? { |service| service['instances'].any? }

      raise Error, "#{id} has no instances, because #{file} says so; give the resource the properties of " \
                   'the service, with the number of instances'
    end

    # Returns whether the resource sets any part of the definition.
    def defines?
      @definition.hash.keys != ['id']
    end

    def agree_on_revision
      named = @definition.hash['revision']
      return if named.nil? || @revision.nil? || named == @revision

      raise Error, "the definition of #{id} has revision #{named}, but the resource has #{@revision}; " \
                   'remove one of them'
    end

    def differences(wanted)
      current = current_definition
      return [] if wanted == current

      [current ? "change #{path}" : "create #{path}",
       *wanted.differences(current, sensitive: @sensitive)]
    end

    # Returns the status of the service, or of each process of the application, or nil. conductor rejects
    # an invalid id here, before a file of that name is deleted.
    def status
      @cli.json('status', '--id', id, doing: "read the status of #{id}")['services']
    rescue Refused => e
      raise unless e.kind == 'unknown_service'
    end

    def plan_with_candidate
      try_out(@definition) do |file, options|
        plan(*deployment(File.dirname(file)), **options)
      end
    end

    def plan_as_it_is(*arguments)
      plan(*arguments)
    rescue NotInstalled, Refused => e
      # In why-run, an earlier resource may be going to provide what is missing.
      provided = %w[undefined_service unknown_service]
      raise unless @why_run && (e.is_a?(NotInstalled) || provided.include?(e.kind))

      verb = arguments.first
      what = verb == 'deploy' ? "#{@revision} of #{id}" : id
      ["#{WORDS.fetch(verb, verb)} #{what} (#{e.message})"]
    end

    def application(file)
      ['apply', file, *@pull]
    end

    def deployment(directory)
      ['deploy', '--id', id, '--revision', @revision, *@pull, '--definitions', directory]
    end

    # Has conductor check the new definition before it is written, alone and then with the others, and returns
    # the result of the block.
    def try_out(wanted)
      Dir.mktmpdir('conductor') do |directory|
        # The id is not used as a name, because it may be invalid and lead out of the directory.
        file = File.join(directory, 'candidate.json')
        wanted.write(file)
        # Messages show the path at which the file would be written.
        options = { rename: { file => path }, text: (wanted.text unless @sensitive) }
        @cli.json('check', file, doing: "use the definition of #{id}", **options)
        check_beside_others(file, options)
        yield file, options
      end
    rescue NotInstalled => e
      raise unless @why_run

      ["apply it (#{e.message})"]
    end

    # Errors in other definitions are ignored; conflicts with them are not.
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
      down ? steps + ["interrupt #{id} for a moment"] : steps
    end

    def removals(running)
      return [] unless running

      instances = running.flat_map { |service| service['instances'] }
      instances = instances.map { |instance| "stop #{instance['unit']}" }
      jobs = running.flat_map { |service| service['jobs'] }.map { |job| "stop #{job['timer']}" }
      instances + jobs + ["remove the units of #{id}"]
    end

    def refuse_other_definition
      other = other_files.find { |file| names_it?(file) && defines_it?(file) }
      return unless other

      raise Error, "#{id} is also defined in #{other}: the next `conductor apply` would start it again; " \
                   'remove that file first'
    end

    def other_files
      Dir.glob(File.join(@directory, '*.{yaml,yml,json,toml}')) - [path]
    end

    # Searches the text first, to avoid a process for most files.
    def names_it?(file)
      File.read(file, encoding: Encoding::BINARY).include?(id)
    rescue SystemCallError
      # conductor cannot read it either: for example a directory, or a dangling link.
      false
    end

    def defines_it?(file)
      checked = @cli.json('check', file, doing: "read #{file}")
      (checked['services'] + checked['applications']).include?(id)
    rescue Refused
      false
    end
  end
end
