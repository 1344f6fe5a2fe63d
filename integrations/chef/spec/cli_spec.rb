# frozen_string_literal: true

# Answers that only another program than conductor gives.
RSpec.describe ConductorCookbook::CLI do
  around do |example|
    Dir.mktmpdir do |directory|
      @directory = directory
      example.run
    end
  end

  # Makes a program that reports a version of the contract, and otherwise runs a script.
  def program(script, version: 2)
    path = "#{@directory}/program"
    schema = "[ \"$1\" != schema ] || { echo '{\"x-contract-version\":\n#{version}}'; exit; }"
    File.write(path, "#!/bin/sh\n#{schema}\n#{script}\n")
    File.chmod(0o755, path)
    path
  end

  def ask(script, patience: 60)
    described_class.new(program: program(script), patience: patience).json('status', doing: 'ask')
  end

  it 'reports a missing program' do
    cli = described_class.new(program: '/nowhere/conductor')
    expect { cli.json('status', doing: 'ask') }
      .to raise_error(ConductorCookbook::NotInstalled, %r{\A/nowhere/conductor is not installed on this host})
  end

  it 'shows output that is not JSON' do
    expect { ask('echo out; echo sorry >&2; exit 1') }
      .to raise_error(ConductorCookbook::Error, "#{@directory}/program prints no JSON: exit status 1\nsorry")
    expect { ask('echo 1') }.to raise_error(ConductorCookbook::Error, /prints no object: 1/)
    expect { ask('kill -9 $$') }.to raise_error(ConductorCookbook::Error, /prints no JSON: ended by a signal/)
    expect { ask("echo '{}'; exit 7") }.to raise_error(ConductorCookbook::Error, 'cannot ask: exit status 7')
  end

  it 'waits for a limited time, and reports the step' do
    expect { ask('exec sleep 60', patience: 1) }
      .to raise_error(ConductorCookbook::Error, /--output json status did not end within 1 seconds\z/)
    event = '{"event": "step", "service": "web", "step": {"text": "start web-1"}}'
    script = "echo '#{event}'; echo '{\"event\": \"output\"}'; printf '{'; exec sleep 60"
    expect { ask(script, patience: 1) }
      .to raise_error(ConductorCookbook::Error, /within 1 seconds\n  its step was: start web-1\z/)
    # Each run that is ended takes seconds.
    waiting = %({"event": "waiting", "holder": "process 7 (apply)"}\n{)
    expect(described_class.new.send(:busy_with, waiting)).to eq('  it waited for: process 7 (apply)')
  end

  it 'rejects a conductor with another version of the contract' do
    other = described_class.new(program: program("touch #{@directory}/asked", version: 3))
    run = ConductorCookbook::Run.new(['/bin/true'], id: 'web', cli: other).change
    [-> { other.json('status', doing: 'ask') }, -> { run.carry_out }].each do |work|
      expect(&work).to raise_error(ConductorCookbook::Error, /has version 3 of its contract, .* version 2;/)
    end
    none = described_class.new(program: '/bin/echo')
    expect { none.json('status', doing: 'ask') }.to raise_error(ConductorCookbook::Error, /prints no JSON/)
    expect(File).not_to exist("#{@directory}/asked")
  end

  it 'reads what is not ASCII, whatever the locale is' do
    before = Encoding.default_external
    silently { Encoding.default_external = Encoding::US_ASCII }
    expect(ask(%q(echo '{"a": "Grüße"}'))).to eq('a' => 'Grüße')
  ensure
    silently { Encoding.default_external = before }
  end

  def silently
    verbose = $VERBOSE
    $VERBOSE = nil
    yield
  ensure
    $VERBOSE = verbose
  end
end
