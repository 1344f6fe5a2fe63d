# frozen_string_literal: true

require_relative 'support/guide'

# Every recipe of the guide does what the guide says.
RSpec.describe 'the guide', :host do
  guide = Guide.new

  def converge(recipe, **options)
    CHEF.converge(recipe, **options)
  end

  def updated(outcomes)
    outcomes.map(&:updated)
  end

  def undigested(text)
    Guide.undigested(text)
  end

  # The guide's image is the sandbox's own.
  def make_images
    sh('systemctl', 'start', 'docker.service')
    sh('docker', 'load', '--input', '/usr/share/conductor-sandbox/app.tar')
    %w[v1 v2].each { |tag| sh('docker', 'tag', "localhost/app:#{tag}", "registry.example/shop:#{tag}") }
  end

  it 'has only recipes that are run here' do
    expect(guide.names.map { |name| name.delete_prefix('site/').delete_suffix('.rb') }).to match_array(
      %w[recipes/conductor recipes/package recipes/hello attributes/default recipes/services recipes/shop
         attributes/shop recipes/migrate recipes/settings recipes/pausing recipes/back recipes/jobs
         recipes/gone recipes/bad recipes/failing]
    )
  end

  # Only Chef can copy files; this checks only the language of the recipe.
  it 'installs the programs', if: CHEF == StandIn do
    expect(converge(guide.recipe('conductor')))
      .to eq(%w[cookbook_file[/usr/bin/conductor] cookbook_file[/usr/bin/conductor-probe]])
    expect(converge(guide.recipe('package')).first.noted.map(&:to_s)).to eq(['dpkg_package[conductor]'])
  end

  it 'runs the first service, shows what would change, and removes it' do
    expect(updated(converge(guide.recipe('hello')))).to eq([true])
    expect(running('hello').size).to eq(2)
    expect(status.first['instances'].map { |instance| instance['healthy'] }).to eq([true, true])
    expect(updated(converge(guide.recipe('hello')))).to eq([false])

    would = converge(guide.recipe('hello').sub("'Hello'", "'Good morning'"), why_run: true).first
    lines = ["* #{would.resource} action #{would.action}",
             *would.descriptions.map { |description| "  - Would #{description}" }]
    expect(undigested(lines.join("\n"))).to eq(undigested(guide.shown('* conductor_service[hello]')))

    expect(updated(converge(guide.recipe('gone')))).to eq([true])
    expect(files).to be_empty
    expect(updated(converge(guide.recipe('gone')))).to eq([false])
  end

  it 'runs definitions from attributes' do
    attributes = guide.attributes('default')
    expect(updated(converge(guide.recipe('services'), attributes: attributes))).to eq([true, true])
    expect(running('hello').size).to eq(1)
    expect(status.last['jobs'].map { |job| job['timer'] }).to eq(['conductor-tidy-logs.timer'])
    expect(updated(converge(guide.recipe('services'), attributes: attributes))).to eq([false, false])
    expect(updated(converge(guide.recipe('jobs')))).to eq([true, true, true])

    attributes['site']['pausing'] = true
    expect(updated(converge(guide.recipe('pausing'), attributes: attributes))).to eq([true])
    expect(running('hello')).to be_empty
    attributes['site']['pausing'] = false
    expect(updated(converge(guide.recipe('pausing'), attributes: attributes))).to eq([true])
    both = guide.recipe('settings') + guide.recipe('services')
    outcomes = converge(both, attributes: attributes).select(&:updated)
    expect(outcomes.map(&:resource)).to eq(%w[file[/var/tmp/hello.conf] conductor_service[hello]])
  ensure
    FileUtils.rm_f('/var/tmp/hello.conf')
  end

  it 'deploys' do
    make_images
    attributes = guide.attributes('shop')
    expect(updated(converge(guide.recipe('shop'), attributes: attributes))).to eq([true])
    expect(running('shop')).to contain_exactly(/\Aconductor-shop-v1\./)
    attributes['site']['shop_revision'] = 'v2'
    expect(updated(converge(guide.recipe('shop'), attributes: attributes))).to eq([true])
    expect(running('shop')).to contain_exactly(/\Aconductor-shop-v2\./)
    expect(updated(converge(guide.recipe('shop'), attributes: attributes))).to eq([false])
    expect(updated(converge(guide.recipe('back')))).to eq([true])
    expect(running('shop')).to contain_exactly(/\Aconductor-shop-v1\./)
  end

  it 'runs a command once, after a deploy' do
    make_images
    attributes = guide.attributes('shop')
    both = guide.recipe('shop') + guide.recipe('migrate')
    outcomes = converge(both, attributes: attributes).select(&:updated)
    expect(outcomes.map(&:resource)).to eq(%w[conductor_service[shop] conductor_run[migrate]])
    expect(converge(both, attributes: attributes).select(&:updated)).to eq([])
  end

  # Returns the error of a run of Chef.
  def failure(recipe)
    converge(recipe)
    raise 'it did not fail'
  rescue StandardError => e
    undigested(e.message)
  end

  it 'shows the error for a bad definition' do
    expect(failure(guide.recipe('bad'))).to end_with(guide.shown('cannot use the definition'))
    expect(files).to be_empty
  end

  it 'shows the error for a service that does not start' do
    converge(guide.recipe('services'), attributes: guide.attributes('default'))
    lines = undigested(guide.shown('hello: start conductor-hello')).lines(chomp: true) - ['  | ...']
    expect(failure(guide.recipe('failing'))).to include(*lines)
    expect(running('hello').size).to eq(1)
  end
end
