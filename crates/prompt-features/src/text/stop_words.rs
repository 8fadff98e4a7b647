//! Words that carry little meaning of their own.

use serde::{Deserialize, Serialize};

/// Which words a word analyzer leaves out before it builds n-grams: `"none"`, `"english"`, or a list.
///
/// ```
/// use prompt_features::StopWords;
/// assert_eq!(StopWords::English.words().len(), 318);
/// let own: StopWords = serde_json::from_str(r#"["please", "kindly"]"#).unwrap();
/// assert_eq!(own.words(), ["please", "kindly"]);
/// assert!(serde_json::from_str::<StopWords>(r#""klingon""#).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub enum StopWords {
    /// Every word stays.
    #[default]
    None,
    /// The 318 words of scikit-learn's `'english'`.
    English,
    /// These words, compared with the tokens after lower-casing and accent stripping.
    List(Vec<String>),
}

impl StopWords {
    /// The words.
    pub fn words(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::English => ENGLISH.split_ascii_whitespace().collect(),
            Self::List(words) => words.iter().map(String::as_str).collect(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Name(String),
    List(Vec<String>),
}

impl TryFrom<Stored> for StopWords {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        match stored {
            Stored::List(words) => Ok(Self::List(words)),
            Stored::Name(name) if name == "none" => Ok(Self::None),
            Stored::Name(name) if name == "english" => Ok(Self::English),
            Stored::Name(name) => Err(format!("stop words are none, english or a list, not `{name}`")),
        }
    }
}

impl From<StopWords> for Stored {
    fn from(words: StopWords) -> Self {
        match words {
            StopWords::None => Self::Name("none".into()),
            StopWords::English => Self::Name("english".into()),
            StopWords::List(words) => Self::List(words),
        }
    }
}

/// The list that scikit-learn took from the Glasgow information retrieval group, in order.
const ENGLISH: &str = "\
a about above across after afterwards again against all almost alone along already also although \
always am among amongst amoungst amount an and another any anyhow anyone anything anyway anywhere \
are around as at back be became because become becomes becoming been before beforehand behind being \
below beside besides between beyond bill both bottom but by call can cannot cant co con could \
couldnt cry de describe detail do done down due during each eg eight either eleven else elsewhere \
empty enough etc even ever every everyone everything everywhere except few fifteen fifty fill find \
fire first five for former formerly forty found four from front full further get give go had has \
hasnt have he hence her here hereafter hereby herein hereupon hers herself him himself his how \
however hundred i ie if in inc indeed interest into is it its itself keep last latter latterly least \
less ltd made many may me meanwhile might mill mine more moreover most mostly move much must my \
myself name namely neither never nevertheless next nine no nobody none noone nor not nothing now \
nowhere of off often on once one only onto or other others otherwise our ours ourselves out over own \
part per perhaps please put rather re same see seem seemed seeming seems serious several she should \
show side since sincere six sixty so some somehow someone something sometime sometimes somewhere \
still such system take ten than that the their them themselves then thence there thereafter thereby \
therefore therein thereupon these they thick thin third this those though three through throughout \
thru thus to together too top toward towards twelve twenty two un under until up upon us very via \
was we well were what whatever when whence whenever where whereafter whereas whereby wherein \
whereupon wherever whether which while whither who whoever whole whom whose why will with within \
without would yet you your yours yourself yourselves";
