# frozen_string_literal: true

require 'chef-utils'
require 'chef-utils/mash'

RSpec.describe ConductorCookbook::Definition do
  def definition(hash)
    described_class.new(hash)
  end

  describe '.merge' do
    it 'overrides the hash with properties, and leaves out those that are not given' do
      merged = described_class.merge('web', { 'port' => 80, env: { A: '1' } }, { port: 81, user: nil })
      expect(merged.hash).to eq('id' => 'web', 'port' => 81, 'env' => { 'A' => '1' })
    end

    it 'accepts node attributes, which are not hashes' do
      attributes = ChefUtils::Mash.new(command: ['/bin/sleep', :infinity], limits: { cpu: 0.5 })
      merged = described_class.merge('web', attributes, {}).hash
      expect(merged)
        .to eq('id' => 'web', 'command' => %w[/bin/sleep infinity], 'limits' => { 'cpu' => 0.5 })
      expect([merged, merged['limits']].map(&:class)).to eq([Hash, Hash])
    end

    it 'keeps false as a value' do
      merged = described_class.merge('web', {}, { sandbox: false })
      expect(merged.hash).to eq('id' => 'web', 'sandbox' => false)
    end

    it 'rejects numbers in place of text, whose digits are lost' do
      { { 'revision' => 1.1 } => 'revision', { revision: 42 } => 'revision',
        { 'env' => { 'V' => 1.1 } } => 'env.V',
        { 'cron' => { 'a' => { 'command' => ['/bin/x', 1.1] } } } => 'cron.a.command' }.each do |hash, path|
        expect { described_class.merge('web', hash, {}) }
          .to raise_error(ConductorCookbook::Error, /: #{path}: expected text, found the number .*in quotes/)
      end
      kept = { 'env' => { 'N' => 5 }, 'limits' => { 'cpu' => 1.5 }, 'revision' => '1.10' }
      expect(described_class.merge('web', kept, {}).hash).to eq({ 'id' => 'web' }.merge(kept))
    end

    it 'rejects the definition of another service' do
      expect { described_class.merge('web', { 'id' => 'shop' }, {}) }
        .to raise_error(ConductorCookbook::Error, /the definition of web has the id shop/)
    end
  end

  describe '#differences' do
    let(:old) do
      definition('id' => 'web', 'port' => 80, 'env' => { 'A' => '1', 'B' => '2' }, 'health' => {})
    end
    let(:new) do
      definition(
        'id' => 'web', 'port' => 81, 'env' => { 'A' => '1', 'C' => '3' }, 'health' => { 'tcp' => true }
      )
    end

    it 'lists changed, new and removed keys' do
      expect(new.differences(old)).to eq(
        ['set port to 81 (was 80)', 'set env.C to "3"', 'set health.tcp to true',
         'remove env.B (was "2")', 'remove health (was {})']
      )
    end

    it 'lists all keys of a new definition' do
      differences = definition('id' => 'web', 'env' => {}).differences(nil)
      expect(differences).to eq(['set id to "web"', 'set env to {}'])
    end

    it 'hides sensitive values' do
      expect(new.differences(old, sensitive: true).join).not_to match(/8[01]|[23]"/)
    end

    it 'distinguishes null from a missing key' do
      expect(definition('a' => nil).differences(definition({}))).to eq(['set a to null'])
    end
  end

  describe 'a file' do
    around do |example|
      Dir.mktmpdir do |directory|
        @path = "#{directory}/new/web.json"
        example.run
      end
    end

    it 'is written with its directory, readable for all, whatever the umask is' do
      before = File.umask(0o077)
      definition('id' => 'web', 'description' => 'Grüße').write(@path)
      expect(format('%o', File.stat(@path).mode)).to eq('100644')
      expect(described_class.read(@path).hash).to eq('id' => 'web', 'description' => 'Grüße')
      expect(Dir.children(File.dirname(@path))).to eq(['web.json'])
    ensure
      File.umask(before)
    end

    it 'is unchanged, and no temporary file remains, when it cannot be replaced' do
      FileUtils.mkdir_p("#{@path}/in the way")
      expect { definition('id' => 'web').write(@path) }
        .to raise_error(ConductorCookbook::Error, "cannot write #{@path}: Is a directory")
      expect(Dir.children(File.dirname(@path))).to eq(['web.json'])
    end

    it 'reports errors of the system without a Ruby message' do
      allow(File).to receive(:rename).and_raise(Errno::EACCES, '/some/where')
      refused = "cannot write #{@path}: Permission denied\n  hint: run the Chef client as root"
      expect { definition('id' => 'web').write(@path) }.to raise_error(refused)
      FileUtils.mkdir_p(@path)
      expect { described_class.read(@path) }.to raise_error("cannot read #{@path}: Is a directory")
      expect { described_class.delete(@path) }.to raise_error(/\Acannot delete #{@path}: [A-Z][a-z ]+\z/)
    end

    it 'can be deleted, also if it does not exist' do
      definition('id' => 'web').write(@path)
      2.times { described_class.delete(@path) }
      expect(File).not_to exist(@path)
    end

    it 'is nil if it does not exist, and empty if it is not a definition' do
      expect(described_class.read(@path)).to be_nil
      definition('id' => 'web').write(@path)
      ['[]', '{', "\xff"].each do |text|
        File.write(@path, text)
        expect(described_class.read(@path).hash).to eq({})
      end
    end
  end
end
