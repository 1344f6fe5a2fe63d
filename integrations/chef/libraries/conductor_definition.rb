# frozen_string_literal: true

require 'json'
require 'securerandom'
require 'fileutils'
require_relative 'conductor_errors'

module ConductorCookbook
  # A service definition: the hash, its text, and how it differs from another one.
  class Definition
    # The keys of a definition that are properties of `conductor_service`, too. `revision` is not among
    # them because it also says what is deployed.
    FIELDS = %i[
      runtime image command instances port listen env env_files secrets volumes user limits health
      deploy proxy sandbox cron systemd
    ].freeze

    HIDDEN = '(sensitive)'

    # Puts together what a resource says: its single properties win over the hash, key by key.
    #
    # @raise [Error] the hash is of another service
    def self.merge(id, hash, fields)
      merged = plain(hash).merge(plain(fields.compact))
      named = merged.delete('id')
      unless [nil, id].include?(named)
        raise Error, "the definition of #{id} says that its id is #{named}; leave id out of it"
      end

      new({ 'id' => id }.merge(merged))
    end

    # Reads the definition in a file.
    #
    # @return [Definition, nil] nil if there is no file; what is no JSON object is taken for an empty one
    # @raise [Error] there is something that cannot be read
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

    # Deletes a file, if it is there.
    #
    # @raise [Error] it stays
    def self.delete(path)
      File.delete(path)
    rescue Errno::ENOENT
      nil
    rescue SystemCallError => e
      raise Error.of_system("delete #{path}", e)
    end

    # Makes plain hashes with text as keys out of node attributes, which only look like hashes.
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

    # Gives a copy with a key set.
    def with(key, value)
      Definition.new(hash.merge(key => value))
    end

    # Gives the text of the file.
    def text
      "#{JSON.pretty_generate(hash)}\n"
    end

    # Says in words, key by key, how it differs from another one, or from nothing.
    #
    # @param sensitive [Boolean] whether the values are to be kept out of logs
    def differences(from, sensitive: false)
      new = flat(hash)
      old = flat(from ? from.hash : {})
      show = ->(value) { sensitive ? HIDDEN : JSON.generate(value) }
      was = ->(path) { old.key?(path) ? " (was #{show.call(old[path])})" : '' }
      set = (new.to_a - old.to_a).map { |path, value| "set #{path} to #{show.call(value)}#{was.call(path)}" }
      set + (old.keys - new.keys).map { |path| "remove #{path}#{was.call(path)}" }
    end

    # Writes the file: all of it or nothing, also if the power goes.
    #
    # @raise [Error] the file is as it was
    def write(path)
      directory = File.dirname(path)
      FileUtils.mkdir_p(directory, mode: 0o755)
      # Hidden, and no definition by its name: conductor does not read it meanwhile.
      candidate = File.join(directory, ".#{File.basename(path)}.#{SecureRandom.hex(6)}")
      begin
        write_new(candidate)
        File.rename(candidate, path)
      rescue SystemCallError
        FileUtils.rm_f(candidate)
        raise
      end
      File.open(directory, &:fsync)
    rescue SystemCallError => e
      raise Error.of_system("write #{path}", e)
    end

    private

    def write_new(path)
      File.open(path, File::WRONLY | File::CREAT | File::EXCL, 0o644) do |file|
        file.chmod(0o644)
        file.write(text)
        file.fsync
      end
    end

    # Gives each value that is no hash, by its path.
    def flat(hash, prefix = '')
      hash.each_with_object({}) do |(key, value), all|
        path = "#{prefix}#{key}"
        value.is_a?(Hash) && value.any? ? all.merge!(flat(value, "#{path}.")) : all[path] = value
      end
    end
  end
end
