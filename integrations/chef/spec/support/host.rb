# frozen_string_literal: true

require 'json'
require 'open3'

# The host that the specs run on.
module Host
  SERVICES = '/etc/conductor/services'

  # Refuses to run where services could be disturbed.
  def self.insist_on_a_free_one
    unless File.directory?('/run/systemd/system') && Process.uid.zero?
      abort 'the specs need root and a systemd; cargo test --test acceptance -- chef has both'
    end
    return if Dir.glob("#{SERVICES}/*").empty?

    abort "#{SERVICES} is in use: run the specs on a host that they may change"
  end

  # Runs a program that must succeed, and returns its output.
  def sh(*command)
    output, status = Open3.capture2e(*command)
    raise "#{command.join(' ')}: #{status}\n#{output}" unless status.success?

    output
  end

  def status
    JSON.parse(sh('conductor', 'status', '--output', 'json'))['services']
  end

  # Returns the active instances of a service.
  def running(id)
    units = sh('systemctl', 'list-units', '--plain', '--no-legend', '--state=active',
               "conductor-#{id}-*.service")
    units.lines.map { |line| line.split.first }.sort
  end

  # Returns all of conductor's files, with properties that a rewrite with the same content would change.
  def files
    found = Dir.glob(['/etc/systemd/system/**/*conductor*', "#{SERVICES}/*"], File::FNM_DOTMATCH)
    found = found.select { |path| File.file?(path) }
    found.to_h { |path| [path, [File.stat(path).ino, File.stat(path).mtime, File.read(path)]] }
  end

  # Writes a definition as a person would.
  def define(file, text)
    FileUtils.mkdir_p(SERVICES)
    File.write("#{SERVICES}/#{file}", text)
  end

  def clear
    status.each { |service| sh('conductor', 'remove', '--id', service['id']) }
    FileUtils.rm_rf(SERVICES)
  end
end
