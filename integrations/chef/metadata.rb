# frozen_string_literal: true

name 'conductor'
maintainer 'The authors of conductor'
maintainer_email 'conductor@conductor.example'
license 'MIT OR Apache-2.0'
description 'Runs services with conductor: each has a definition that becomes systemd units'
version '0.1.0'
source_url 'https://conductor.example/source'
issues_url 'https://conductor.example/source/issues'
chef_version '>= 17.0'
supports 'debian', '>= 12.0'
