//! Levels: what there is, and what the environment chooses.
use prompt_kernels::Level;

#[test]
fn levels_rise_and_know_their_names() {
    let levels = Level::available();
    assert_eq!(levels[0], Level::PORTABLE);
    assert!(levels.windows(2).all(|pair| pair[0] < pair[1]), "{levels:?}");
    for level in levels {
        assert_eq!(Level::from_name(level.name()), Some(level));
        assert_eq!(level.to_string(), level.name());
    }
    assert_eq!(Level::from_name("sse9"), None);
    assert_eq!(Level::from_name(""), None);
}

/// Run by the next test in a process of its own.
#[test]
fn says_its_level() {
    println!("detected: {}", Level::detect());
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn the_environment_names_a_lower_level() {
    let said = |name: &str| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "says_its_level", "--nocapture"])
            .env("PROMPT_KERNELS", name)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find_map(|line| line.split_once("detected: ")).unwrap().1.to_owned()
    };
    let best = Level::available().last().unwrap().name();
    for level in Level::available() {
        assert_eq!(said(level.name()), level.name());
    }
    assert_eq!(said("sse9"), best, "a name that is not known is passed over");
}
