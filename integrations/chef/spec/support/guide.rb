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

  # Gives the names of all files; whoever adds one to the guide has to have it run.
  def names
    @files.keys
  end

  def recipe(name)
    @files.fetch("site/recipes/#{name}.rb")
  end

  # Gives what a file of attributes sets.
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

  # Gives the indented block that begins with a text.
  def shown(beginning)
    blocks = @text.scan(/(?:^    .*\n)+/).map { |block| block.gsub(/^    /, '') }
    block = blocks.find { |each| each.start_with?(beginning) }
    block&.chomp || raise("nothing in #{FILE} begins with #{beginning}")
  end

  # Takes out of a text what differs between releases.
  def self.undigested(text)
    text.gsub(/\.\h{6}-/, '.DIGEST-')
  end
end
