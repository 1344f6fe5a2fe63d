# frozen_string_literal: true

require 'fileutils'

RSpec.describe ConductorCookbook::Service, :host do
  let(:sleeper) { { 'command' => ['/usr/bin/sleep', 'infinity'] } }
  let(:path) { "#{Host::SERVICES}/web.json" }

  def service(definition = {}, **options)
    merged = ConductorCookbook::Definition.merge('web', definition, {})
    described_class.new('web', definition: merged, **options)
  end

  # What a failing run wrote last, and why it ended.
  def failing
    { 'command' => ['/bin/sh', '-c', 'echo no database >&2; exit 3'], 'deploy' => { 'keep' => 0 } }
  end

  def create(definition, **options)
    service(definition, **options).create.carry_out
  end

  describe '#create' do
    it 'writes the definition and starts it' do
      change = service(sleeper.merge('env' => { 'A' => '1' })).create
      expect(change.descriptions).to start_with(
        "create #{path}", 'set id to "web"', 'set command to ["/usr/bin/sleep","infinity"]',
        'set env.A to "1"'
      )
      expect(files).to be_empty
      change.carry_out
      expect(File.read(path)).to eq(<<~JSON)
        {
          "id": "web",
          "command": [
            "/usr/bin/sleep",
            "infinity"
          ],
          "env": {
            "A": "1"
          }
        }
      JSON
      expect(running('web').size).to eq(1)
    end

    it 'changes nothing the second time' do
      create(sleeper)
      before = files
      expect(service(sleeper).create).to be_empty
      expect(files).to eq(before)
    end

    it 'describes the change before it is made' do
      create(sleeper.merge('instances' => 2))
      change = service(sleeper.merge('instances' => 1, 'env' => { 'A' => '1' })).create
      before = files
      said = change.descriptions
      expect(files).to eq(before)
      done = change.carry_out['services'].first['steps'].map { |step| step['step']['text'] }
      expect(said.first(4)).to eq(
        ["change #{path}", 'set instances to 1 (was 2)', 'set env.A to "1"', done.first]
      )
      expect(said.drop(3)).to eq(done)
    end

    it 'does not change a file with the same content in another layout' do
      create(sleeper)
      File.write(path, JSON.generate(JSON.parse(File.read(path)).to_a.reverse.to_h))
      expect(service(sleeper).create).to be_empty
    end

    it 'starts what was stopped by hand, without a change of the file' do
      create(sleeper)
      sh('systemctl', 'stop', 'conductor-web.target')
      before = File.stat(path).ino
      change = service(sleeper).create
      expect(change.descriptions.first).to match(/\Astart conductor-web-host\..*-1\.service\z/)
      change.carry_out
      expect(running('web').size).to eq(1)
      expect(File.stat(path).ino).to eq(before)
    end

    it 'replaces an unreadable file' do
      define('web.json', "{\n")
      create(sleeper)
      expect(running('web').size).to eq(1)
    end

    it 'passes on how to pull' do
      cli = ConductorCookbook::CLI.new
      asked = []
      allow(cli).to receive(:json).and_wrap_original do |json, *arguments, **options|
        asked << arguments
        json.call(*arguments, **options)
      end
      create(sleeper, pull: 'always', cli: cli)
      service({}, revision: 'v1', cli: cli).deploy.carry_out
      pulls = asked.select { |arguments| %w[apply deploy].include?(arguments.first) }
      pulls.map! { |arguments| arguments.each_cons(2).find { |option, _| option == '--pull' }&.last }
      expect(pulls).to eq(['always', 'always', nil, nil])
    end

    it 'pins the revision' do
      create(sleeper, revision: 'v1')
      expect(JSON.parse(File.read(path))['revision']).to eq('v1')
      expect(service.current_revision).to eq('v1')
      expect { service(sleeper.merge('revision' => 'v2'), revision: 'v1').create }
        .to raise_error(ConductorCookbook::Error, /has revision v2, but the resource has v1/)
    end
  end

  describe '#create of a bad definition' do
    let(:bad) { sleeper.merge('limits' => { 'memroy' => '64M', 'cpu' => 'fast' }) }

    it 'shows the file, line, key and hint of each error, and changes nothing' do
      create(sleeper)
      before = files
      expect { service(bad).create }.to raise_error(ConductorCookbook::Refused) { |error|
        expect(error.kind).to eq('definition')
        expect(error.message).to eq(<<~TEXT.chomp)
          cannot use the definition of web:
            #{path}:8:5: limits.memroy: unknown key "memroy"
              8 |     "memroy": "64M",
              hint: did you mean memory?
            #{path}:9:12: limits.cpu: "fast" is not an amount of CPU
              9 |     "cpu": "fast"
              hint: write 1.5 or 150% for one and a half CPUs; from 0.01 to 8192
        TEXT
      }
      expect(files).to eq(before)
    end

    it 'leaves a new service undefined' do
      expect { service(bad).create }.to raise_error(ConductorCookbook::Refused)
      expect(files).to be_empty
      expect(status).to be_empty
    end

    it 'shows no line of a sensitive definition' do
      expect { service(bad, sensitive: true).create }
        .to raise_error(ConductorCookbook::Refused) { |error| expect(error.message).not_to include('64M') }
    end

    it 'creates no file for an invalid id' do
      outside = "#{Dir.tmpdir}/spec.json"
      merged = ConductorCookbook::Definition.merge('../spec', sleeper, {})
      %i[create deploy].each do |action|
        service = described_class.new('../spec', definition: merged, revision: 'v1')
        expect { service.public_send(action) }
          .to raise_error(ConductorCookbook::Refused, %r{"\.\./spec" is not an id(.|\n)*hint: use lower-case})
      end
      expect(File).not_to exist(outside)
    ensure
      FileUtils.rm_f(outside)
    end

    it 'rejects a second definition of the same service' do
      define('other.yaml', "id: web\ncommand: [/usr/bin/sleep, infinity]\n")
      expect { service(sleeper).create }
        .to raise_error(ConductorCookbook::Refused, /web is also the id of another service(.|\n)*other.yaml/)
      expect(File).not_to exist(path)
    end

    it 'ignores errors in other definitions' do
      define('other.yaml', "id: other\nports: 1\n")
      create(sleeper)
      expect(running('web').size).to eq(1)
    end

    it 'reports errors that only the compiler finds' do
      expect { service({ 'runtime' => 'docker', 'image' => 'registry.example/web' }).create }
        .to raise_error(ConductorCookbook::Refused, /cannot plan web:(.|\n)*revision/)
      expect(files).to be_empty
    end
  end

  describe '#create of a service that does not start' do
    it 'shows the end of the journal, and the old release serves on' do
      create(sleeper)
      before = running('web')
      expect { create(failing) }.to raise_error(ConductorCookbook::Failed) { |error|
        expect(error.failures.first).to include('old_serves' => true, 'undone' => true)
        expect(error.message)
          .to match(/\Aweb: start conductor-web-host\..*-1\.service: .*exited with status 3$/)
        expect(error.message).to include("\n  | no database\n")
        expect(error.message).to end_with("\n  the previous release still serves")
      }
      expect(running('web')).to eq(before)
    end

    it 'hides the output of a sensitive service' do
      cli = ConductorCookbook::CLI.new(sensitive: true)
      expect { create(failing, cli: cli) }.to raise_error(ConductorCookbook::Failed) { |error|
        expect(error.message).not_to include('no database')
        expect(error.message).to include('(sensitive: see conductor logs --id web)')
      }
    end

    it 'reports the step at which it was ended after its timeout' do
      slow = sleeper.merge('port' => 8000, 'health' => { 'tcp' => true })
      cli = ConductorCookbook::CLI.new(patience: 3)
      expect { create(slow, cli: cli) }.to raise_error(
        ConductorCookbook::Error, /within 3 seconds\n  its step was: start conductor-web-host.*-1\.service\z/
      )
      expect(running('web')).to be_empty
    end

    it 'puts the old file back, so that it is tried again only the next time' do
      define('web.json', "#{JSON.generate(sleeper.merge('id' => 'web'))}\n")
      sh('conductor', 'apply')
      before = File.read(path)
      2.times do
        expect(service(failing).create).not_to be_empty
        expect { create(failing) }.to raise_error(ConductorCookbook::Failed)
        expect(File.read(path)).to eq(before)
      end
      expect(sh('conductor', 'apply')).to include('nothing changed')
    end

    it 'leaves a new service undefined' do
      expect { create(failing) }.to raise_error(ConductorCookbook::Failed)
      expect(files).to be_empty
    end
  end

  describe '#deploy' do
    it 'needs a revision' do
      expect { service(sleeper).deploy }.to raise_error(ConductorCookbook::Error, /no revision is given/)
    end

    it 'writes the definition without the revision, and runs that' do
      service(sleeper, revision: 'v1').deploy.carry_out
      expect(JSON.parse(File.read(path))).to eq(sleeper.merge('id' => 'web'))
      expect(service.current_revision).to eq('v1')
      expect(service(sleeper, revision: 'v1').deploy).to be_empty
    end

    it 'changes settings and revision in one go' do
      service(sleeper, revision: 'v1').deploy.carry_out
      change = service(sleeper.merge('env' => { 'A' => '1' }), revision: 'v2').deploy
      expect(change.descriptions.first(2)).to eq(["change #{path}", 'set env.A to "1"'])
      expect(change.descriptions.drop(2)).to all(match(/conductor-web|new instance/))
      change.carry_out
      expect(running('web')).to contain_exactly(/\Aconductor-web-v2\./)
      expect(status.first['releases'].size).to eq(2)
    end

    it 'does not change a definition in another file' do
      define('web.yaml', "id: web\ncommand: [/usr/bin/sleep, infinity]\n")
      service(revision: 'v1').deploy.carry_out
      expect(running('web')).to contain_exactly(/\Aconductor-web-v1\./)
      expect(service(revision: 'v1').deploy).to be_empty
      expect(Dir.children(Host::SERVICES)).to eq(['web.yaml'])
    end

    it 'reports that the service is down for a moment' do
      definition = sleeper.merge('deploy' => { 'order' => 'stop-first' })
      service(definition, revision: 'v1').deploy.carry_out
      descriptions = service(definition, revision: 'v2').deploy.descriptions
      expect(descriptions.last).to eq('interrupt web for a moment')
    end

    it 'shows the end of the journal, and the old release serves on' do
      service(sleeper, revision: 'v1').deploy.carry_out
      before = running('web')
      expect { service(failing, revision: 'v2').deploy.carry_out }
        .to raise_error(ConductorCookbook::Failed, /exited with status 3\n(.|\n)*\| no database/)
      expect(running('web')).to eq(before)
      expect(service.current_revision).to eq('v1')
    end

    it 'rejects a bad definition before anything changes' do
      service(sleeper, revision: 'v1').deploy.carry_out
      before = files
      expect { service(sleeper.merge('prot' => 1), revision: 'v2').deploy }
        .to raise_error(ConductorCookbook::Refused, /did you mean port/)
      expect(files).to eq(before)
    end

    it 'needs a definition' do
      define('other.yaml', "id: other\ncommand: [/usr/bin/sleep, infinity]\n")
      expect { service(revision: 'v1').deploy }.to raise_error(ConductorCookbook::Refused)
      expect(service(revision: 'v1', why_run: true).deploy.descriptions)
        .to contain_exactly(/\Adeploy v1 of web \(cannot plan web/)
    end
  end

  describe '#stop' do
    it 'keeps the service stopped, until it is started again' do
      service(sleeper, revision: 'v1').deploy.carry_out
      change = service(sleeper, revision: 'v1').stop
      expect(change.descriptions)
        .to include("change #{path}", 'set instances to 0', /\Astop conductor-web-v1/)
      expect(running('web').size).to eq(1)
      change.carry_out
      expect(service(sleeper).stop).to be_empty
      sh('conductor', 'apply')
      sh('systemctl', 'start', 'conductor-start@web.service')
      expect(running('web')).to be_empty
      expect { service.start.carry_out }
        .to raise_error(ConductorCookbook::Error, /web has no instances, because #{path} says so/)

      service(sleeper, revision: 'v1').start.carry_out
      expect(running('web')).to contain_exactly(/\Aconductor-web-v1\./)
      expect(JSON.parse(File.read(path))).to eq(sleeper.merge('id' => 'web'))
      expect(service(sleeper, revision: 'v1').start).to be_empty
    end

    it 'needs the definition' do
      create(sleeper)
      expect { service.stop }
        .to raise_error(ConductorCookbook::Error, /cannot stop web: .*`instances 0` in its definition/)
      expect(running('web').size).to eq(1)
    end
  end

  describe '#start' do
    it 'starts what was stopped by hand, whatever file defines it' do
      define('shop.yaml', "id: web\ncommand: [/usr/bin/sleep, infinity]\n")
      sh('conductor', 'apply')
      expect(service.start).to be_empty
      sh('systemctl', 'stop', 'conductor-web.target')
      change = service.start
      expect(change.descriptions).to include(/\Astart conductor-web-host/)
      change.carry_out
      expect(running('web').size).to eq(1)
    end

    it 'needs a definition' do
      expect { service.start }.to raise_error(ConductorCookbook::Error, /no definition in .* has that id/)
    end
  end

  describe '#rollback' do
    it 'goes back to a revision, or to the release before' do
      definition = sleeper.merge('deploy' => { 'keep' => 2 })
      %w[v1 v2].each { |revision| service(definition, revision: revision).deploy.carry_out }
      change = service(revision: 'v1').rollback
      expect(change.descriptions).to include(/\Astart conductor-web-v1/, /\Astop conductor-web-v2/)
      change.carry_out
      expect(running('web')).to contain_exactly(/\Aconductor-web-v1\./)
      expect(service(revision: 'v1').rollback).to be_empty
      service(definition, revision: 'v3').deploy.carry_out
      service.rollback.carry_out
      expect(service.current_revision).to eq('v1')
      expect { service(revision: 'v9').rollback }.to raise_error(ConductorCookbook::Refused, /v9/)
    end
  end

  describe '#restart' do
    it 'starts the instances anew, each time' do
      create(sleeper)
      2.times do
        before = running('web')
        change = service.restart
        expect(change.descriptions).to include(/\Astart conductor-web/, /\Astop conductor-web/)
        expect(running('web')).to eq(before)
        change.carry_out
        expect(running('web').size).to eq(1)
        expect(running('web')).not_to eq(before)
      end
      expect(service(sleeper).create).to be_empty
    end

    it 'is refused for a service that is not on the host' do
      define('other.yaml', "id: other\ncommand: [/bin/true]\n")
      expect { service.restart }
        .to raise_error(ConductorCookbook::Refused, /no definition(.|\n)*has the id web/)
    end
  end

  describe '#delete' do
    it 'stops the service and removes its units and its definition' do
      job = { 'schedule' => '@daily', 'command' => ['/bin/true'] }
      create(sleeper.merge('cron' => { 'tidy' => job }))
      unit = running('web').first
      change = service.delete
      expect(change.descriptions).to eq(
        ["stop #{unit}", 'stop conductor-web-tidy.timer', 'remove the units of web', "delete #{path}"]
      )
      expect(running('web')).to eq([unit])
      change.carry_out
      expect(files).to be_empty
      expect(running('web')).to be_empty
      expect(service.delete).to be_empty
    end

    it 'finishes a removal that was interrupted' do
      create(sleeper)
      FileUtils.rm(path)
      service.delete.carry_out
      expect(status).to be_empty
      define('web.json', '{')
      expect(service.delete.descriptions).to eq(["delete #{path}"])
      service.delete.carry_out
      expect(files).to be_empty
    end

    it 'deletes no file for an invalid id' do
      outside = "#{File.dirname(Host::SERVICES)}/spec.json"
      FileUtils.mkdir_p(Host::SERVICES)
      FileUtils.touch(outside)
      expect { described_class.new('../spec').delete }
        .to raise_error(ConductorCookbook::Refused, %r{"\.\./spec" is not an id})
      expect(File).to exist(outside)
    ensure
      FileUtils.rm_f(outside)
    end

    it 'reports that the definition cannot be deleted' do
      FileUtils.mkdir_p(path)
      expect { service.delete.carry_out }
        .to raise_error(ConductorCookbook::Error, /\Acannot delete #{path}: /)
    end

    it 'ignores entries that are not files' do
      create(sleeper)
      FileUtils.mkdir_p("#{Host::SERVICES}/old.yaml")
      FileUtils.ln_s('/nowhere', "#{Host::SERVICES}/gone.yaml")
      service.delete.carry_out
      expect(status).to be_empty
    end

    it 'fails if another file defines the service' do
      define('shop.yaml', "id: web\ncommand: [/usr/bin/sleep, infinity]\n")
      define('mentions.yaml', "id: other # beside web\ncommand: [/usr/bin/sleep, infinity]\n")
      sh('conductor', 'apply')
      expect { service.delete }
        .to raise_error(ConductorCookbook::Error, %r{web is also defined in .*/shop\.yaml})
      expect(running('web').size).to eq(1)
    end
  end

  describe 'without conductor' do
    let(:missing) { ConductorCookbook::CLI.new(program: '/nowhere/conductor') }

    it 'is an error' do
      %i[create deploy delete].each do |action|
        expect { service(sleeper, revision: 'v1', cli: missing).public_send(action) }
          .to raise_error(ConductorCookbook::NotInstalled)
      end
      expect(service(cli: missing).current_revision).to be_nil
    end

    it 'is assumed to be installed later, in why-run' do
      options = { revision: 'v1', cli: missing, why_run: true }
      %i[create deploy].each do |action|
        change = service(sleeper, **options).public_send(action)
        expect(change.descriptions.last).to match(%r{\Aapply it \(/nowhere/conductor})
      end
      expect(service(**options).deploy.descriptions).to contain_exactly(/\Adeploy v1 of web/)
      expect(service(**options).delete).to be_empty
    end
  end
end
