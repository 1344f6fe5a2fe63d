# frozen_string_literal: true

name 'conductor'
maintainer 'The authors of conductor'
license 'MIT OR Apache-2.0'
description 'Runs services with conductor: each has a definition that becomes systemd units'
version '0.1.0'
chef_version '>= 17.0'
supports 'debian', '>= 12.0'
supports 'ubuntu', '>= 24.04'
