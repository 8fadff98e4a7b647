//! Where the peers' Python and the benchmark data are.

use std::path::{Path, PathBuf};
use std::process::Command;

use prompt_models::core::{Error, Result};

const MAKE_DATA: &str = "benches/peers/make_data.py";

/// Arguments that every bench on the peers' data has.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// The Python that has the peers' libraries.
    #[arg(long, value_name = "PYTHON", env = "PROMPT_PEERS_PYTHON", default_value = "peers-env/bin/python")]
    peers: PathBuf,
    /// The folder of the benchmark data; made when it is not there.
    #[arg(long, value_name = "DIR", default_value = "bench-data")]
    work: PathBuf,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Place {
    /// The peers' Python, where there is one.
    pub(crate) fn python(&self) -> Option<&Path> {
        self.peers.exists().then_some(&*self.peers)
    }

    /// The folder that holds `docs.txt`, `labels.u8` and the tables, made by the peers' script when it lacks them.
    pub(crate) fn data(&self) -> Result<&Path> {
        if self.work.join("docs.txt").exists() && self.work.join("labels.u8").exists() {
            return Ok(&self.work);
        }
        let Some(python) = self.python() else {
            return Err(Error::input(
                format!("{} holds no benchmark data, and there is no Python to make it", self.work.display()),
                self.how_to_get_peers(),
            ));
        };
        eprintln!("making the benchmark data in {} (about a minute)", self.work.display());
        let status = Command::new(python)
            .arg(MAKE_DATA)
            .arg(&self.work)
            .status()
            .map_err(|e| Error::io("run", python, e))?;
        if status.success() {
            return Ok(&self.work);
        }
        Err(Error::input(format!("{MAKE_DATA} ended with {status}"), "its own message is above"))
    }

    /// The commands that make the peers' Python.
    pub(crate) fn how_to_get_peers(&self) -> String {
        format!(
            "no Python at {}. In the repository, these two commands make one:\n  \
             python3 -m venv peers-env\n  \
             peers-env/bin/pip install scikit-learn lightgbm xgboost fasttext-wheel optuna shap\n\
             or name one with --peers or PROMPT_PEERS_PYTHON",
            self.peers.display()
        )
    }
}
