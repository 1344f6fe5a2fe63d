//! `cargo fuzz run template`
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| conductor_fuzz::targets::template(input));
