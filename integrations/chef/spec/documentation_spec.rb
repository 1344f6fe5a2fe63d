# frozen_string_literal: true

# Each resource has a page that names all its properties and actions.
RSpec.describe 'the documentation' do
  root = File.expand_path('..', __dir__)

  Dir["#{root}/resources/*.rb"].each do |file|
    resource = StandIn::Resource.load(file)

    it "is complete for #{resource.provided}" do
      page = File.read("#{root}/documentation/#{resource.provided}.md", encoding: Encoding::UTF_8)
      words = resource.properties.keys.map { |name| "`#{name}`" }
      words += resource.actions.keys.map { |name| "`:#{name}`" }
      words -= ['`sensitive`'] unless page.include?('sensitive')
      expect(words.reject { |word| page.include?(word) }).to be_empty
      expect(File.read("#{root}/README.md")).to include("(documentation/#{resource.provided}.md)")
    end
  end

  it 'leads nowhere out of the cookbook' do
    pages = Dir["#{root}/*.md", "#{root}/documentation/*.md"]
    links = pages.flat_map { |page| File.read(page).scan(/\]\(([^)]+)\)/).flatten }
    expect(links.reject { |link| link.start_with?('https://', 'documentation/') }).to be_empty
  end

  it 'has the licenses of the project' do
    %w[LICENSE-MIT LICENSE-APACHE].each do |name|
      expect(File.read("#{root}/#{name}")).to eq(File.read("#{root}/../../#{name}"))
    end
  end
end
