# frozen_string_literal: true

# `docs/chef.md`: its recipes, by the file that their first line names, and what it shows.
class Guide
  FILE = File.expand_path('../../../../docs/chef.md', __dir__)

  def initialize
    @text = File.read(FILE, encoding: Encoding::UTF_8)
    blocks = @text.scan(/^```ruby\n# (\S+)\n(.*?)^```$/m)
    @files = blocks.to_h
    raise "two blocks of #{FILE} have one name" if @files.size != blocks.size
  end

  # Returns the names of all files, each of which must be run.
  def names
    @files.keys
  end

  def recipe(name)
    @files.fetch("site/recipes/#{name}.rb")
  end

  # Returns the values that a file of attributes sets.
  def attributes(name)
    sets = Class.new do
      def default
        @default ||= Hash.new { |hash, key| hash[key] = Hash.new(&hash.default_proc) }
      end
    end
    file = sets.new
    file.instance_eval(@files.fetch("site/attributes/#{name}.rb"))
    ConductorCookbook::Definition.plain(file.default)
  end

  # Returns the indented block that starts with a text.
  def shown(beginning)
    blocks = @text.scan(/(?:^    .*\n)+/).map { |block| block.gsub(/^    /, '') }
    block = blocks.find { |each| each.start_with?(beginning) }
    block&.chomp || raise("nothing in #{FILE} begins with #{beginning}")
  end

  # Removes the parts of a text that differ between releases.
  def self.undigested(text)
    text.gsub(/\.\h{6}-/, '.DIGEST-')
  end
end
