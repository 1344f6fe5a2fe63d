# frozen_string_literal: true

# The specs run conductor for real, and so need a host that they may change: a sandbox.

require 'json'
require 'open3'
require 'tmpdir'
require_relative 'support/host'
Dir[File.expand_path('../libraries/*.rb', __dir__)].each { |file| require file }
if ENV['CONDUCTOR_SPEC_CHEF'] == '1'
  require_relative 'support/real_chef'
  CHEF = RealChef
else
  require_relative 'support/stand_in'
  CHEF = StandIn
end

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.order = :defined
  config.expect_with(:rspec) { |expectations| expectations.max_formatted_output_length = nil }
  config.include Host
  config.before(:suite) { Host.insist_on_a_free_one }
  config.after(:each, :host) { clear }
end
