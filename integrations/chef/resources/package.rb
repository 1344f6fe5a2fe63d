# frozen_string_literal: true

provides :conductor_package
unified_mode true

property :package_name, String, name_property: true, desired_state: false,
                                description: 'The name of the package.'
property :source, String, desired_state: false,
                          description: 'The path of a Debian package on the node; without it, apt has it.'
property :version, String, desired_state: false,
                           description: 'The version to install; default: the newest that apt or source has.'

default_action :install

# Install the package, which has conductor, its probe and the directory of definitions.
action :install do
  if new_resource.source
    dpkg_package new_resource.package_name do
      source new_resource.source
      version new_resource.version if new_resource.version
    end
  else
    apt_package new_resource.package_name do
      version new_resource.version if new_resource.version
    end
  end
end

# Remove the package. Services go on as units of systemd.
action :remove do
  apt_package new_resource.package_name do
    action :remove
  end
end
