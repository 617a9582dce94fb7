//! Every input that is kept holds, without libFuzzer.

use std::path::Path;

#[test]
fn all_seeds_hold() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for (name, target) in windvane_fuzz::TARGETS {
        let folder = std::fs::read_dir(seeds.join(name)).into_iter().flatten();
        let files: Vec<_> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
        assert!(!files.is_empty(), "{name} has seeds");
        for path in files {
            let bytes = std::fs::read(&path).unwrap_or_default();
            // A panic is told with the thread's name; the stack is that of every thread that the extension module works on.
            let thread = std::thread::Builder::new().name(path.display().to_string()).stack_size(16 << 20);
            let held = thread.spawn(move || target(&bytes)).map(std::thread::JoinHandle::join);
            assert!(matches!(held, Ok(Ok(()))), "{} does not hold", path.display());
        }
    }
}
