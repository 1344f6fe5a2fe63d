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

    it 'is restarted by a notification, and stopped' do
      recipe = lambda do |content|
        <<~RUBY + web
          file '/run/conductor-spec' do
            content '#{content}'
            notifies :restart, 'conductor_service[web]'
          end
        RUBY
      end
      converge(recipe.call('one'))
      before = running('web')
      expect(converge(recipe.call('one')).map(&:updated)).to eq([false, false])
      expect(running('web')).to eq(before)
      expect(converge(recipe.call('two')).map { |each| [each.action, each.updated] })
        .to eq([[:create, true], [:create, false], [:restart, true]])
      expect(running('web')).not_to eq(before)

      stop = web.sub('end', "action :stop\nend")
      expect(converge(stop).first).to have_attributes(action: :stop, updated: true)
      expect(converge(stop).first).to have_attributes(updated: false)
      expect(running('web')).to be_empty
    ensure
      FileUtils.rm_f('/run/conductor-spec')
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

  describe 'conductor_job' do
    job = lambda do |name, action = 'run'|
      "conductor_job '#{name}' do\n  id 'web'\n  action :#{action}\nend"
    end

    before do
      shell = "command: [/bin/sh, -c, 'echo done; exit $CODE']"
      define('web.yaml', <<~YAML)
        id: web
        instances: 0
        cron:
          good: {schedule: '@daily', #{shell}, env: {CODE: 0}}
          bad: {schedule: '@daily', #{shell}, env: {CODE: 7}}
      YAML
      sh('conductor', 'apply')
    end

    it 'runs, each time, and fails if the job does' do
      would = converge(job.call('good'), why_run: true).first
      expect(would.descriptions).to eq(['run the job good of web'])
      2.times { expect(converge(job.call('good')).first).to have_attributes(action: :run, updated: true) }
      expect { converge(job.call('bad')) }
        .to raise_error(/the job bad of web failed: exit-code, exit status 7\n  \| done/)
      expect { converge(job.call('bad').sub('id', "sensitive true\nid")) }
        .to raise_error(/exit status 7\n  \| \(sensitive: see conductor logs web --job bad\)\z/)
      expect { converge(job.call('none')) }.to raise_error(/none/)
    end

    it 'is paused until it is resumed' do
      show = %w[systemctl show --value --property=ActiveState conductor-web-good.timer]
      timer = -> { sh(*show).strip }
      converge(job.call('good', 'pause'), why_run: true)
      expect(timer.call).to eq('active')
      expect(converge(job.call('good', 'pause')).first).to have_attributes(action: :pause, updated: true)
      expect(converge(job.call('good', 'pause')).first).to have_attributes(updated: false)
      sh('conductor', 'apply')
      expect(timer.call).to eq('inactive')
      expect(converge(job.call('good', 'resume')).first).to have_attributes(action: :resume, updated: true)
      expect(converge(job.call('good', 'resume')).first).to have_attributes(updated: false)
      expect(timer.call).to eq('active')
    end

    it 'may come later, in why-run' do
      unknown = "conductor_job 'none' do\n  id 'shop'\n  action :pause\nend"
      expect(converge(unknown, why_run: true).first.descriptions)
        .to contain_exactly(/\Apause the job none of shop \(cannot/)
    end
  end

  # Chef's own resources are not run by the stand-in.
  describe 'conductor_package', if: CHEF == StandIn do
    def noted(recipe)
      converge(recipe).first.noted.map { |each| [each.to_s, each.properties] }
    end

    it 'installs from apt, or a file, and removes' do
      expect(noted("conductor_package 'conductor'")).to eq([['apt_package[conductor]', {}]])
      expect(noted("conductor_package('conductor') { version '1.0-1' }"))
        .to eq([['apt_package[conductor]', { version: '1.0-1' }]])
      expect(noted("conductor_package('conductor') { source '/srv/conductor.deb' }"))
        .to eq([['dpkg_package[conductor]', { source: '/srv/conductor.deb' }]])
      expect(noted("conductor_package('conductor') { action :remove }"))
        .to eq([['apt_package[conductor]', { action: :remove }]])
    end
  end
end
