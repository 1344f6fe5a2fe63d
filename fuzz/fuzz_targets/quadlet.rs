//! `cargo fuzz run quadlet`
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| conductor_fuzz::targets::quadlet(input));
