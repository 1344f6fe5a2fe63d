# frozen_string_literal: true

require 'chef'
require 'chef/run_context'
require 'chef/runner'
require_relative 'stand_in'

# The same as the stand-in, with Chef itself: used where `CONDUCTOR_SPEC_CHEF=1` says that there is one.
module RealChef
  # Notes what was done, or in why-run would have been.
  class Recorder < Chef::EventDispatch::Base
    attr_reader :outcomes

    def initialize
      super
      @outcomes = []
    end

    def resource_action_start(resource, action, *)
      @outcomes << StandIn::Outcome.new(resource.to_s, action, false, [], nil)
    end

    def resource_current_state_loaded(_resource, _action, current)
      @outcomes.last.current = current
    end

    def resource_update_applied(_resource, _action, update)
      @outcomes.last.descriptions += Array(update)
    end

    def resource_updated(*)
      @outcomes.last.updated = true
    end
  end

  def self.converge(recipe, why_run: false, attributes: {})
    Chef::Config[:why_run] = why_run
    recorder = Recorder.new
    context = context(recorder, attributes)
    Dir[File.expand_path('../../resources/*.rb', __dir__)].each do |file|
      Chef::Resource::LWRPBase.build_from_file('conductor', file, context)
    end
    Chef::Recipe.new('conductor', 'spec', context).instance_eval(recipe, 'recipe')
    Chef::Runner.new(context).converge
    recorder.outcomes
  ensure
    Chef::Config[:why_run] = false
  end

  def self.context(recorder, attributes)
    node = Chef::Node.new
    node.name('spec')
    node.automatic['platform'] = 'debian'
    node.automatic['platform_version'] = '13'
    node.default = attributes
    events = Chef::EventDispatch::Dispatcher.new(recorder)
    Chef::RunContext.new(node, Chef::CookbookCollection.new, events)
  end
end
