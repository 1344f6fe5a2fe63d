# frozen_string_literal: true

require 'logger'

# The part of Chef's language that the cookbook's resources and the guide's recipes are written in.
#
# It is not Chef: it has no guards and no coercion, and its notifications come at the end of the run.
# Resources that are not the cookbook's are recorded but not run, except `file`. Any other word is an error.
module StandIn
  # `current_value_does_not_exist!`
  class NoCurrentValue < StandardError
  end

  # Stands for Chef::Resource.
  class Resource
    OPTIONS = %i[name_property default required desired_state description equal_to].freeze

    class << self
      attr_reader :provided, :properties, :actions, :loader, :provider

      # Returns a class for a file in `resources`.
      def load(file)
        Class.new(self) do
          @properties = { sensitive: [[true, false], { default: false }] }
          @actions = {}
          @provider = Class.new(Provider)
          class_eval(File.read(file), file, 1)
        end
      end

      def provides(name)
        @provided = name
      end

      def unified_mode(mode)
        @unified_mode = mode
      end

      def unified_mode?
        @unified_mode
      end

      def property(name, types, **options)
        unknown = options.keys - OPTIONS
        raise ArgumentError, "#{name}: unknown options #{unknown}" if unknown.any?
        raise ArgumentError, "#{name} is a method already" if method_defined?(name)

        @properties[name] = [Array(types), options]
        define_method(name) { |*value| value.empty? ? get(name) : set(name, value.first) }
      end

      def default_action(name = nil)
        @default_action = name if name
        @default_action
      end

      def action(name, &block)
        @actions[name] = block
      end

      def action_class(&block)
        @provider.class_eval(&block)
      end

      def load_current_value(&block)
        @loader = block
      end
    end

    attr_reader :name, :node, :subscriptions

    def initialize(name, node)
      @name = name
      @node = node
      @values = {}
      @subscriptions = {}
      @action = Array(self.class.default_action)
    end

    def to_s
      "#{self.class.provided}[#{name}]"
    end

    def action(*names)
      @action = names.flatten if names.any?
      @action
    end

    # At the end of the run, as Chef does unless told otherwise.
    def subscribes(action, resource)
      @subscriptions[resource] = action
    end

    def sensitive(*value)
      value.empty? ? get(:sensitive) : set(:sensitive, value.first)
    end

    def current_value_does_not_exist!
      raise NoCurrentValue
    end

    def get(property)
      _, options = self.class.properties.fetch(property)
      return @values[property] if @values.key?(property)
      raise ArgumentError, "#{self}: #{property} is a required property" if required?(options)

      options[:name_property] ? name : options[:default]
    end

    def set(property, value)
      types, options = self.class.properties.fetch(property)
      fits = types.any? { |type| type === value } # rubocop:disable Style/CaseEquality -- true and false, too
      fits &&= options[:equal_to].include?(value) if options[:equal_to]
      raise ArgumentError, "#{self}: #{property} cannot be #{value.inspect}" unless fits

      @values[property] = value
    end

    # Returns the result of load_current_value, which knows only properties that are not desired state.
    def current
      return unless self.class.loader

      found = self.class.new(name, node)
      @values.each { |property, value| found.set(property, value) unless state?(property) }
      found.instance_exec(self, &self.class.loader)
      found
    rescue NoCurrentValue
      nil
    end

    private

    def required?(options)
      required = options[:required]
      required.is_a?(Array) ? required.intersect?(action) : required
    end

    def state?(property)
      self.class.properties.fetch(property).last.fetch(:desired_state, true)
    end
  end

  # Stands for Chef::Provider.
  class Provider
    attr_reader :new_resource, :current_resource, :descriptions, :noted

    def initialize(resource, why_run)
      @new_resource = resource
      @why_run = why_run
      @descriptions = []
      @noted = []
      @updated = false
    end

    def respond_to_missing?(word, include_private = false)
      Noted::PACKAGES.include?(word) || super
    end

    # Chef's own resources that an action declares.
    def method_missing(word, *arguments, &block)
      return super unless Noted::PACKAGES.include?(word)

      @noted << Noted.new(word, arguments.first, self, &block)
    end

    def run(action)
      block = new_resource.class.actions.fetch(action)
      @current_resource = new_resource.current
      instance_exec(&block)
      new_resource.current
      Outcome.new(new_resource.to_s, action, !@descriptions.empty?, @descriptions, @current_resource, @noted)
    end

    def whyrun_mode?
      @why_run
    end

    def converge_by(descriptions)
      yield unless whyrun_mode?
      @descriptions += Array(descriptions)
    end

    def logger
      @logger ||= Logger.new(IO::NULL)
    end
  end

  # The outcome of an action.
  Outcome = Struct.new(:resource, :action, :updated, :descriptions, :current, :noted)

  # One of Chef's own resources, which is not run: its name, and what its block says.
  class Noted
    PACKAGES = %i[apt_package dpkg_package].freeze

    attr_reader :properties

    def initialize(word, name, provider, &block)
      @name = "#{word}[#{name}]"
      @provider = provider
      @properties = {}
      instance_exec(&block) if block
    end

    def to_s
      @name
    end

    def new_resource
      @provider.new_resource
    end

    %i[source version action].each do |property|
      define_method(property) { |value| @properties[property] = value }
    end
  end

  # Chef's `file`, as far as recipes here need it: a content, and whom it notifies.
  class WrittenFile
    attr_reader :notifications

    def initialize(path, &block)
      @path = path
      @notifications = {}
      instance_exec(&block)
    end

    def content(text)
      @content = text
    end

    def sensitive(_value); end

    def notifies(action, resource)
      @notifications[resource] = action
    end

    # Writes the file if it differs, and returns the outcome.
    def create(why_run)
      differs = !File.exist?(@path) || File.read(@path) != @content
      File.write(@path, @content) if differs && !why_run
      Outcome.new("file[#{@path}]", :create, differs, [], nil, [])
    end
  end

  # A recipe; stands for Chef::Recipe.
  class Recipe
    # Chef's own resources that the guide uses. They are recorded but not run.
    NOTED = %i[cookbook_file].freeze

    attr_reader :node, :outcomes

    def initialize(classes, attributes, why_run)
      @classes = classes.to_h { |resource| [resource.provided, resource] }
      @node = attributes
      @why_run = why_run
      @outcomes = []
      @resources = []
      @notified = {}
    end

    def respond_to_missing?(word, include_private = false)
      @classes.key?(word) || NOTED.include?(word) || word == :file || super
    end

    # As in unified mode, a resource runs where it is declared.
    def method_missing(word, *arguments, &block)
      return @outcomes << "#{word}[#{arguments.first}]" if NOTED.include?(word)
      return write(arguments.first, &block) if word == :file
      return super unless @classes.key?(word)

      resource = @classes.fetch(word).new(arguments.first, node)
      resource.instance_exec(&block) if block
      @resources << resource
      (resource.action - [:nothing]).each { |action| run(resource, action) }
    end

    # Runs the resources that subscribe to updated ones, or that these notify.
    def notify
      updated = @outcomes.grep(Outcome).select(&:updated).map(&:resource)
      @resources.each do |resource|
        actions = resource.subscriptions.values_at(*updated) + @notified.fetch(resource.to_s, [])
        actions.compact.uniq.each { |action| run(resource, action) }
      end
    end

    private

    def write(path, &block)
      file = WrittenFile.new(path, &block)
      outcome = file.create(@why_run)
      @outcomes << outcome
      file.notifications.each { |resource, action| (@notified[resource] ||= []) << action } if outcome.updated
    end

    def run(resource, action)
      provider = resource.class.provider.new(resource, @why_run)
      @outcomes << provider.run(action)
    end
  end

  # Runs a recipe, and returns the outcomes of its resources.
  def self.converge(recipe, why_run: false, attributes: {})
    classes = Dir[File.expand_path('../../resources/*.rb', __dir__)].map { |file| Resource.load(file) }
    context = Recipe.new(classes, attributes, why_run)
    context.instance_eval(recipe, 'recipe')
    context.notify
    context.outcomes
  end
end
