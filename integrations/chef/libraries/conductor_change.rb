# frozen_string_literal: true

module ConductorCookbook
  # What would be done, in words, and the doing of it: what `converge_by` wants.
  class Change
    attr_reader :descriptions

    # @param descriptions [Array<String>] nothing is to be done if there are none
    def initialize(descriptions, &work)
      @descriptions = descriptions
      @work = work
    end

    def empty?
      descriptions.empty?
    end

    # Does it.
    #
    # @raise [Error] as {CLI#json}
    def carry_out
      @work.call
    end
  end
end
