# frozen_string_literal: true

require 'chef'
require 'chef/run_context'
require 'chef/runner'
require_relative 'stand_in'

# The same as the stand-in, with Chef itself; used with `CONDUCTOR_SPEC_CHEF=1`.
module RealChef
  # Records what was done, or in why-run would have been.
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

  # What a run list is compiled from.
  RunList = Struct.new(:recipes)

  def self.converge(recipe, why_run: false, attributes: {})
    Chef::Config[:why_run] = why_run
    recorder = Recorder.new
    context = context(recorder, attributes)
    Chef::Recipe.new('conductor', 'spec', context).instance_eval(recipe, 'recipe')
    Chef::Runner.new(context).converge
    recorder.outcomes
  ensure
    Chef::Config[:why_run] = false
  end

  # Loads the cookbook as a run does: its metadata, its libraries, its resources.
  def self.context(recorder, attributes)
    loader = Chef::CookbookLoader.new(File.expand_path('../../..', __dir__))
    loader.load_cookbooks
    events = Chef::EventDispatch::Dispatcher.new(recorder)
    context = Chef::RunContext.new(node(attributes), Chef::CookbookCollection.new(loader), events)
    compiler = Chef::RunContext::CookbookCompiler.new(context, RunList.new(['conductor']), events)
    compiler.compile_libraries
    compiler.compile_lwrps
    context
  end

  def self.node(attributes)
    node = Chef::Node.new
    node.name('spec')
    node.automatic['platform'] = 'debian'
    node.automatic['platform_version'] = '13'
    node.default = attributes
    node
  end
end
