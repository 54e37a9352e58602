#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| consentry_fuzz::model_answers::run(data));
