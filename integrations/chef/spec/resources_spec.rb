# frozen_string_literal: true

# The resource files, as recipes use them; by the stand-in for Chef, or with CONDUCTOR_SPEC_CHEF=1 by Chef.
RSpec.describe 'the resources', :host do
  def converge(recipe, **options)
    CHEF.converge(recipe, **options)
  end

  web = <<~RUBY
    conductor_service 'web' do
      command ['/usr/bin/sleep', 'infinity']
      env('A' => '1')
    end
  RUBY

  describe 'conductor_service' do
    it 'creates, and is up to date the second time' do
      first = converge(web).first
      expect(first).to have_attributes(resource: 'conductor_service[web]', action: :create, updated: true)
      expect(first.current).to be_nil
      before = files
      second = converge(web).first
      expect(second).to have_attributes(updated: false, descriptions: [])
      expect(second.current.definition).to include('id' => 'web', 'env' => { 'A' => '1' })
      expect(second.current.revision).to eq('host')
      expect(files).to eq(before)
    end

    it 'describes the change in why-run, and does nothing' do
      would = converge(web, why_run: true).first
      expect(files).to be_empty
      expect(would.descriptions).to include('set env.A to "1"', /\Astart conductor-web-host/)
      does = converge(web).first
      expect(does.descriptions).to eq(would.descriptions)
    end

    it 'deploys the revision and the definition' do
      v1 = web.sub('end', "revision 'v1'\naction :deploy\nend")
      expect(converge(v1).first).to have_attributes(action: :deploy, updated: true)
      expect(converge(v1).first).to have_attributes(action: :deploy, updated: false)
      expect(running('web')).to contain_exactly(/\Aconductor-web-v1\./)
    end

    it 'does not deploy without a revision' do
      expect do
        converge(web.sub('end', "action :deploy\nend"))
      end.to raise_error(/cannot deploy web: no revision is given/)
      expect(files).to be_empty
    end

    it 'deletes, and is up to date the second time' do
      converge(web)
      delete = "conductor_service 'web' do\n  action :delete\nend"
      expect(converge(delete, why_run: true).first.descriptions).to include('remove the units of web')
      expect(running('web').size).to eq(1)
      expect(converge(delete).first).to have_attributes(action: :delete, updated: true)
      expect(converge(delete).first).to have_attributes(action: :delete, updated: false)
      expect(files).to be_empty
    end

    it 'accepts node attributes, overridden by properties' do
      attributes = { 'web' => { 'command' => ['/usr/bin/sleep', 'infinity'], 'env' => { 'A' => '1' } } }
      recipe = "conductor_service 'web' do\n  definition node['web']\n  instances 0\nend"
      converge(recipe, attributes: attributes)
      written = JSON.parse(File.read("#{Host::SERVICES}/web.json"))
      expect(written).to eq(attributes['web'].merge('id' => 'web', 'instances' => 0))
    end

    it 'fails with the error of conductor' do
      expect { converge(web.sub("'A' => '1'", "'A' => true")) }
        .to raise_error(/web\.json:8:10: env\.A: .*\n.*\n *hint: put it in quotes/)
      expect(files).to be_empty
    end

    it 'keeps sensitive values out of the log' do
      would = converge(web.sub('end', "sensitive true\nend"), why_run: true).first
      expect(would.descriptions).to include('set env.A to (sensitive)')
    end

    it 'has a property for every other field of a definition' do
      schema = JSON.parse(sh('conductor', 'schema'))['properties'].keys
      own = %w[id description revision timeout pull]
      expect(ConductorCookbook::Definition::FIELDS.map(&:to_s)).to match_array(schema - own)
    end

    it 'rejects values of the wrong type' do
      expect { converge("conductor_service('web') { port '80' }") }.to raise_error(/port/)
      expect { converge("conductor_service('web') { runtime 'lxc' }") }.to raise_error(/runtime/)
      expect { converge("conductor_service('web') { prt 80 }") }.to raise_error(NoMethodError, /prt/)
    end
  end
end
