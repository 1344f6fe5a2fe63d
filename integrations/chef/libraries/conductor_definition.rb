# frozen_string_literal: true

require 'json'
require 'securerandom'
require 'fileutils'
require_relative 'conductor_errors'

module ConductorCookbook
  # A service definition: the hash, its text, and how it differs from another one.
  class Definition
    # The keys of a definition that are also properties of `conductor_service`. `revision` is not among
    # them, because it is also the revision to deploy. Nor are `timeout`, which is that of conductor, and
    # `pull`, which is its option.
    FIELDS = %i[
      type runtime image entrypoint command instances depends_on port ports listen networks
      network_mode pod env env_files secrets volumes volume_names user cap_add cap_drop group_add
      working_dir hostname container_name init stop_signal ulimits extra_hosts dns dns_search tmpfs
      runtime_directory read_only
      security_opt devices privileged shm_size sysctls pid ipc userns tty gpus platform labels options
      limits health deploy proxy sandbox on cron mail_to max_parallel processes
      systemd
    ].freeze

    HIDDEN = '(sensitive)'
    # Keys below which conductor takes each number as text.
    TEXTS = %w[env command entrypoint labels sysctls].freeze

    # Merges the definition of a resource: its properties override the hash, key by key.
    #
    # @raise [Error] the hash is of another service
    def self.merge(id, hash, fields)
      merged = plain(hash).merge(plain(fields.compact))
      named = merged.delete('id')
      unless [nil, id].include?(named)
        raise Error, "the definition of #{id} has the id #{named}; remove id from it"
      end

      refuse_lost_text(id, merged)
      new({ 'id' => id }.merge(merged))
    end

    # Refuses numbers whose text is lost: Ruby reads 1.10 as 1.1, and 010 as 8.
    #
    # @raise [Error] the revision is a number, or a text is a fraction
    def self.refuse_lost_text(id, value, path = [])
      if value.is_a?(Hash)
        value.each { |key, inner| refuse_lost_text(id, inner, path + [key]) }
      elsif value.is_a?(Array)
        value.each { |inner| refuse_lost_text(id, inner, path) }
      elsif lost?(value, path)
        raise Error, "the definition of #{id}: #{path.join('.')}: expected text, found the number " \
                     "#{value}, which may be written in other ways; put it in quotes"
      end
    end

    def self.lost?(value, path)
      return value.is_a?(Numeric) if path == ['revision']

      value.is_a?(Float) && path.intersect?(TEXTS)
    end
    private_class_method :refuse_lost_text, :lost?

    # Reads the definition in a file.
    #
    # @return [Definition, nil] nil if there is no file; empty if the file is not a JSON object
    # @raise [Error] the file cannot be read
    def self.read(path)
      content = JSON.parse(File.read(path, encoding: Encoding::UTF_8))
      new(content.is_a?(Hash) ? content : {})
    rescue Errno::ENOENT
      nil
    rescue JSON::ParserError, EncodingError
      new({})
    rescue SystemCallError => e
      raise Error.of_system("read #{path}", e)
    end

    # Deletes a file, if it exists.
    #
    # @raise [Error] the file cannot be deleted
    def self.delete(path)
      File.delete(path)
    rescue Errno::ENOENT
      nil
    rescue SystemCallError => e
      raise Error.of_system("delete #{path}", e)
    end

    # Returns node attributes, which are not hashes, as plain hashes with text as keys.
    def self.plain(value)
      case value
      when Hash then value.to_h { |key, inner| [key.to_s, plain(inner)] }
      when Array then value.map { |inner| plain(inner) }
      when Symbol then value.to_s
      else value
      end
    end

    attr_reader :hash

    def initialize(hash)
      @hash = hash
    end

    def ==(other)
      other.is_a?(Definition) && hash == other.hash
    end

    # Returns a copy with a key set.
    def with(key, value)
      Definition.new(hash.merge(key => value))
    end

    # Returns a copy without instances: what conductor keeps stopped, also in the next apply and at boot.
    def stopped
      processes = hash['processes']
      return with('instances', 0) unless processes.is_a?(Hash)

      none = processes.transform_values { |each| each.is_a?(Hash) ? each.merge('instances' => 0) : each }
      with('processes', none)
    end

    # Returns the text of the file.
    def text
      "#{JSON.pretty_generate(hash)}\n"
    end

    # Returns descriptions, key by key, of the differences from another definition, or from none.
    #
    # @param sensitive [Boolean] whether to hide the values
    def differences(from, sensitive: false)
      new = flat(hash)
      old = flat(from ? from.hash : {})
      show = ->(value) { sensitive ? HIDDEN : JSON.generate(value) }
      was = ->(path) { old.key?(path) ? " (was #{show.call(old[path])})" : '' }
      set = (new.to_a - old.to_a).map { |path, value| "set #{path} to #{show.call(value)}#{was.call(path)}" }
      set + (old.keys - new.keys).map { |path| "remove #{path}#{was.call(path)}" }
    end

    # Writes the file atomically, also if the power fails.
    #
    # @raise [Error] the file is unchanged
    def write(path)
      self.class.write(path, text)
    end

    # Writes a text as {#write} does.
    #
    # @raise [Error] the file is unchanged
    def self.write(path, text)
      directory = File.dirname(path)
      FileUtils.mkdir_p(directory, mode: 0o755)
      # The name is hidden and not that of a definition, so conductor does not read the file.
      candidate = File.join(directory, ".#{File.basename(path)}.#{SecureRandom.hex(6)}")
      begin
        write_new(candidate, text)
        File.rename(candidate, path)
      rescue SystemCallError
        FileUtils.rm_f(candidate)
        raise
      end
      File.open(directory, &:fsync)
    rescue SystemCallError => e
      raise Error.of_system("write #{path}", e)
    end

    def self.write_new(path, text)
      File.open(path, File::WRONLY | File::CREAT | File::EXCL, 0o644) do |file|
        file.chmod(0o644)
        file.write(text)
        file.fsync
      end
    end
    private_class_method :write_new

    private

    # Returns each value that is not a hash, by its path.
    def flat(hash, prefix = '')
      hash.each_with_object({}) do |(key, value), all|
        path = "#{prefix}#{key}"
        value.is_a?(Hash) && value.any? ? all.merge!(flat(value, "#{path}.")) : all[path] = value
      end
    end
  end
end
