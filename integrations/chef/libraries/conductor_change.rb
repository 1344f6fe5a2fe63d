# frozen_string_literal: true

module ConductorCookbook
  # Descriptions of a change, and the work itself, in the form that `converge_by` needs.
  class Change
    attr_reader :descriptions

    # @param descriptions [Array<String>] empty if nothing has to be done
    def initialize(descriptions, &work)
      @descriptions = descriptions
      @work = work
    end

    def empty?
      descriptions.empty?
    end

    # Carries out the change.
    #
    # @raise [Error] as {CLI#json}
    def carry_out
      @work.call
    end
  end
end
