# frozen_string_literal: true

RSpec.describe ConductorCookbook::Run, :host do
  before do
    definition = { 'id' => 'web', 'command' => %w[/usr/bin/sleep infinity], 'env' => { 'A' => '1' } }
    definition = ConductorCookbook::Definition.new(definition)
    ConductorCookbook::Service.new('web', definition: definition, revision: 'v1').deploy.carry_out
  end

  def shell(script, **options)
    described_class.new(['/bin/sh', '-c', script], id: 'web', **options).change
  end

  it 'returns the output of the command, in the environment of the service' do
    change = shell('echo "$A $B"', env: { 'B' => '2 =3' })
    expect(change.descriptions).to eq(['run /bin/sh -c echo "$A $B" in web'])
    expect(change.carry_out).to eq("1 2 =3\n")
  end

  it 'passes on input, user and revision, and arguments that look like options' do
    expect(shell('cat', input: "Grüße\n").carry_out).to eq("Grüße\n")
    expect(shell('id -un', user: 'nobody').carry_out).to eq("nobody\n")
    options = { memory: '64M', cpu: 0.5, timeout: '1min', revision: 'v1' }
    expect(shell('true', **options).carry_out).to eq('')
    odd = described_class.new(['/usr/bin/printf', '%s', '--', '--id', 'shop'], id: 'web').change
    expect(odd.carry_out).to eq('----idshop')
  end

  it 'fails with the status and the end of the output' do
    expect { shell('seq 100; echo sorry >&2; exit 3').carry_out }
      .to raise_error(ConductorCookbook::Error) { |error|
        lines = error.message.lines(chomp: true)
        expect(lines.first)
          .to eq('cannot run /bin/sh -c seq 100; echo sorry >&2; exit 3 in web: exit status 3')
        expect(lines.drop(1)).to eq(['  | sorry', *(81..100).map { |number| "  | #{number}" }])
      }
    expect(shell('echo fine; exit 3', returns: [0, 3]).carry_out).to eq("fine\n")
  end

  it 'passes on numbers and symbols, and rejects other values' do
    odd = described_class.new(['/bin/echo', 1, :b], id: 'web').change
    expect(odd.carry_out).to eq("1 b\n")
    { { 'B' => nil } => 'env.B must be text, but is nil',
      { B: { c: 1 } } => 'env.B must be text, but is a Hash' }.each do |env, words|
        expect { shell('true', env: env) }
          .to raise_error(ConductorCookbook::Error, "cannot run in web: #{words}")
      end
    expect { described_class.new(['/bin/echo', nil], id: 'web') }
      .to raise_error(ConductorCookbook::Error, /command\[1\] must be text/)
    expect { described_class.new([], id: 'web').change }
      .to raise_error(ConductorCookbook::Error, /command is empty/)
  end

  it 'reports failures that are not of the command' do
    missing = described_class.new(['/nowhere/program'], id: 'web').change
    expect { missing.carry_out }.to raise_error(ConductorCookbook::Error, /: there is no such program$/)
    expect { shell('sleep 60', timeout: '1s').carry_out }
      .to raise_error(ConductorCookbook::Error, /as after its timeout$/)
    unknown = described_class.new(['/bin/true'], id: 'shop').change
    expect { unknown.carry_out }
      .to raise_error(ConductorCookbook::Error, /in shop: conductor failed\n  \| error: .*shop/)
  end

  it 'does not wait with detach' do
    change = shell('until [ -e /run/conductor-spec ]; do sleep 0.1; done', detach: true)
    expect(change.descriptions.first).to end_with(' in web without waiting for it')
    unit = change.carry_out
    expect(sh('systemctl', 'show', '--value', '--property=ActiveState', unit)).to match(/\Aactiv/)
    sh('systemctl', 'stop', unit)
    unknown = described_class.new(['/bin/true'], id: 'shop', detach: true).change
    expect { unknown.carry_out }.to raise_error(ConductorCookbook::Refused, /shop/)
    expect { shell('cat', detach: true, input: 'x') }
      .to raise_error(ConductorCookbook::Error, /no standard input/)
  end

  it 'keeps sensitive values out of the log' do
    change = shell('echo secret; echo secret >&2; exit 1', sensitive: true)
    expect { change.carry_out }
      .to raise_error(ConductorCookbook::Error, 'cannot run (sensitive) in web: exit status 1')
    unknown = described_class.new(['/bin/secret'], id: 'shop', env: { 'A' => 'secret' }, sensitive: true)
    expect { unknown.change.carry_out }
      .to raise_error(ConductorCookbook::Error) { |error| expect(error.message).not_to include('secret') }
  end

  it 'keeps sensitive values out of the log when a run is ended' do
    cli = ConductorCookbook::CLI.new(patience: 1, sensitive: true)
    options = { id: 'web', cli: cli, env: { 'A' => 'secret' }, sensitive: true }
    run = described_class.new(['/bin/sh', '-c', 'echo secret; sleep 60'], **options)
    expect { run.change.carry_out }
      .to raise_error(ConductorCookbook::Error, 'conductor (sensitive) did not end within 1 seconds')
  end

  describe 'conductor_run' do
    recipe = <<~RUBY
      conductor_run 'migrate' do
        id 'web'
        command ['/bin/sh', '-c', 'echo migrated >>/run/conductor-spec']
      end
    RUBY
    # The command writes to /run, which the sandbox of a native service forbids, so the sandbox is off.
    before do
      define('web.json', <<~JSON)
        {"id": "web", "command": ["/usr/bin/sleep", "infinity"], "revision": "v1", "sandbox": false}
      JSON
      sh('conductor', 'apply')
    end
    after { FileUtils.rm_f('/run/conductor-spec') }

    it 'runs each time' do
      2.times { expect(CHEF.converge(recipe).first).to have_attributes(action: :run, updated: true) }
      expect(File.readlines('/run/conductor-spec')).to eq(["migrated\n"] * 2)
    end

    it 'does not run if the file of creates exists' do
      once = recipe.sub("id 'web'", "id 'web'\ncreates '/run/conductor-spec'")
      expect(CHEF.converge(once).first).to have_attributes(updated: true)
      expect(CHEF.converge(once).first).to have_attributes(updated: false, descriptions: [])
    end

    it 'only describes the run in why-run' do
      would = CHEF.converge(recipe, why_run: true).first
      expect(would.descriptions).to eq(['run /bin/sh -c echo migrated >>/run/conductor-spec in web'])
      expect(File).not_to exist('/run/conductor-spec')
    end

    it 'fails with the output of the command' do
      expect { CHEF.converge(recipe.sub('echo migrated', 'echo no database >&2; exit 1; :')) }
        .to raise_error(/exit status 1\n  \| no database/)
    end
  end
end
