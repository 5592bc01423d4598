//! A phrase table in four languages.

/// A language of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Language {
    En,
    Zh,
    Ja,
    Ko,
}

impl Language {
    /// Finds a language by its code or its English name.
    pub(crate) fn find(text: &str) -> Option<Self> {
        match text.trim().to_lowercase().as_str() {
            "en" | "english" => Some(Self::En),
            "zh" | "chinese" => Some(Self::Zh),
            "ja" | "japanese" => Some(Self::Ja),
            "ko" | "korean" => Some(Self::Ko),
            _ => None,
        }
    }

    /// Returns the language's English name.
    pub(crate) const fn name(self) -> &'static str {
        ["English", "Chinese", "Japanese", "Korean"][self as usize]
    }
}

/// English, Chinese, Japanese, Korean; the first form of several is the one to answer with.
const TABLE: &[[&str; 4]] = &[
    ["hello|hi", "你好", "こんにちは", "안녕하세요"],
    [
        "good morning",
        "早上好|早安",
        "おはようございます|おはよう",
        "좋은 아침입니다",
    ],
    ["good evening", "晚上好", "こんばんは", "좋은 저녁입니다"],
    [
        "good night",
        "晚安",
        "おやすみなさい|おやすみ",
        "안녕히 주무세요",
    ],
    ["goodbye|bye", "再见", "さようなら", "안녕히 가세요"],
    ["see you tomorrow", "明天见", "また明日", "내일 봐요"],
    [
        "thank you|thanks",
        "谢谢",
        "ありがとうございます|ありがとう",
        "감사합니다|고마워요",
    ],
    [
        "thank you very much",
        "非常感谢",
        "どうもありがとうございます",
        "대단히 감사합니다",
    ],
    [
        "you're welcome|you are welcome",
        "不客气",
        "どういたしまして",
        "천만에요",
    ],
    ["please", "请", "お願いします", "부탁합니다"],
    [
        "sorry|i am sorry|i'm sorry",
        "对不起",
        "ごめんなさい",
        "미안합니다",
    ],
    ["excuse me", "不好意思|打扰一下", "すみません", "실례합니다"],
    ["yes", "是", "はい", "네"],
    ["no", "不是|不", "いいえ", "아니요"],
    ["how are you", "你好吗", "お元気ですか", "어떻게 지내세요"],
    ["i am fine|i'm fine", "我很好", "元気です", "저는 잘 지내요"],
    [
        "what is your name|what's your name",
        "你叫什么名字",
        "お名前は何ですか",
        "이름이 뭐예요",
    ],
    [
        "nice to meet you",
        "很高兴认识你",
        "はじめまして",
        "만나서 반갑습니다",
    ],
    [
        "where is the toilet|where is the bathroom",
        "洗手间在哪里",
        "トイレはどこですか",
        "화장실이 어디예요",
    ],
    [
        "where is the station",
        "车站在哪里",
        "駅はどこですか",
        "역이 어디예요",
    ],
    [
        "how much is it|how much is this",
        "多少钱",
        "いくらですか",
        "얼마예요",
    ],
    [
        "i don't understand|i do not understand",
        "我不明白|我不懂",
        "わかりません",
        "이해하지 못했어요",
    ],
    [
        "do you speak english",
        "你会说英语吗",
        "英語を話せますか",
        "영어 하세요",
    ],
    ["help|help me", "救命", "助けて", "도와주세요"],
    [
        "one moment please|just a moment",
        "请稍等",
        "少々お待ちください",
        "잠시만 기다려 주세요",
    ],
    ["delicious", "很好吃|好吃", "美味しい", "맛있어요"],
    ["cheers", "干杯", "乾杯", "건배"],
    [
        "congratulations",
        "恭喜|祝贺你",
        "おめでとうございます|おめでとう",
        "축하합니다",
    ],
    [
        "happy birthday",
        "生日快乐",
        "お誕生日おめでとうございます",
        "생일 축하합니다",
    ],
    [
        "happy new year",
        "新年快乐",
        "明けましておめでとうございます",
        "새해 복 많이 받으세요",
    ],
    ["good luck", "祝你好运", "頑張ってください", "행운을 빌어요"],
    ["i love you", "我爱你", "愛してる", "사랑해요"],
];

/// Returns the phrase in another language, if the table has it.
pub(crate) fn find(text: &str, to: Language) -> Option<String> {
    let wanted = plain(text);
    let known = |row: &&[&str; 4]| {
        row.iter()
            .any(|cell| cell.split('|').any(|form| plain(form) == wanted))
    };
    let row = TABLE.iter().find(known)?;
    let form = row[to as usize].split('|').next()?;
    // English stands in lower case in the table, so that "Hello" and "hello" are one phrase.
    let mut chars = form.chars();
    Some(
        chars
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .chain(chars)
            .collect(),
    )
}

/// Returns how many phrases the table has.
pub(crate) const fn count() -> usize {
    TABLE.len()
}

/// Drops what does not change a phrase: case, spaces at its ends or doubled, its full stop or question mark.
fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace('’', "'").replace(',', " ");
    let words: Vec<_> = text.split_whitespace().collect();
    words
        .join(" ")
        .trim_matches(['.', '!', '?', '。', '！', '？', ' '])
        .to_owned()
}
