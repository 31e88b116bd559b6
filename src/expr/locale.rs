//! How does a language write months, days, spans of time and amounts?

use super::EvalError;

/// A language that dates and amounts can be written in; English by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Locale {
    #[default]
    En,
    Id,
    Ms,
    De,
    Es,
    Fr,
    It,
    Nl,
    Pt,
}

/// What a language calls things (Unicode CLDR 48, "gregorian" and "relative time").
pub(super) struct Words {
    pub(super) months: [&'static str; 12],
    pub(super) short_months: [&'static str; 12],
    /// From Monday.
    pub(super) days: [&'static str; 7],
    pub(super) short_days: [&'static str; 7],
    /// Second, minute, hour, day, month, year: for one, and for more.
    pub(super) units: [(&'static str, &'static str); 6],
    /// With `#` for the span.
    pub(super) ago: &'static str,
    pub(super) ahead: &'static str,
    pub(super) now: &'static str,
}

/// How a language writes amounts.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    pub(super) thousands: char,
    pub(super) point: char,
    /// The currency stands behind the amount.
    pub(super) behind: bool,
}

const ALL: [(&str, Locale); 9] = [
    ("en", Locale::En),
    ("id", Locale::Id),
    ("ms", Locale::Ms),
    ("de", Locale::De),
    ("es", Locale::Es),
    ("fr", Locale::Fr),
    ("it", Locale::It),
    ("nl", Locale::Nl),
    ("pt", Locale::Pt),
];

impl Locale {
    /// The language of a name as `id`, `id-ID` or `id_ID`.
    pub(super) fn named(name: &str) -> Result<Self, EvalError> {
        let language = name.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        ALL.iter().find(|(known, _)| *known == language).map(|(_, locale)| *locale).ok_or_else(
            || {
                let known: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
                EvalError::Other(format!("locale: {name:?} is none of {}", known.join(", ")))
            },
        )
    }

    pub(super) fn figures(self) -> Figures {
        let (thousands, point, behind) = match self {
            Self::En | Self::Ms => (',', '.', false),
            Self::Id | Self::Nl | Self::Pt => ('.', ',', false),
            Self::De | Self::Es | Self::It => ('.', ',', true),
            Self::Fr => ('\u{202f}', ',', true),
        };
        Figures { thousands, point, behind }
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::En => &EN,
            Self::Id => &ID,
            Self::Ms => &MS,
            Self::De => &DE,
            Self::Es => &ES,
            Self::Fr => &FR,
            Self::It => &IT,
            Self::Nl => &NL,
            Self::Pt => &PT,
        }
    }
}

#[rustfmt::skip]
static EN: Words = Words {
    months: ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
    short_months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    short_days: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    units: [("second", "seconds"), ("minute", "minutes"), ("hour", "hours"), ("day", "days"), ("month", "months"), ("year", "years")],
    ago: "# ago", ahead: "in #", now: "now",
};

#[rustfmt::skip]
static ID: Words = Words {
    months: ["Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus", "September", "Oktober", "November", "Desember"],
    short_months: ["Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"],
    days: ["Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"],
    short_days: ["Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min"],
    units: [("detik", "detik"), ("menit", "menit"), ("jam", "jam"), ("hari", "hari"), ("bulan", "bulan"), ("tahun", "tahun")],
    ago: "# yang lalu", ahead: "dalam #", now: "sekarang",
};

#[rustfmt::skip]
static MS: Words = Words {
    months: ["Januari", "Februari", "Mac", "April", "Mei", "Jun", "Julai", "Ogos", "September", "Oktober", "November", "Disember"],
    short_months: ["Jan", "Feb", "Mac", "Apr", "Mei", "Jun", "Jul", "Ogo", "Sep", "Okt", "Nov", "Dis"],
    days: ["Isnin", "Selasa", "Rabu", "Khamis", "Jumaat", "Sabtu", "Ahad"],
    short_days: ["Isn", "Sel", "Rab", "Kha", "Jum", "Sab", "Ahd"],
    units: [("saat", "saat"), ("minit", "minit"), ("jam", "jam"), ("hari", "hari"), ("bulan", "bulan"), ("tahun", "tahun")],
    ago: "# lalu", ahead: "dalam #", now: "sekarang",
};

#[rustfmt::skip]
static DE: Words = Words {
    months: ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
    short_months: ["Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."],
    days: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    short_days: ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"],
    units: [("Sekunde", "Sekunden"), ("Minute", "Minuten"), ("Stunde", "Stunden"), ("Tag", "Tagen"), ("Monat", "Monaten"), ("Jahr", "Jahren")],
    ago: "vor #", ahead: "in #", now: "jetzt",
};

#[rustfmt::skip]
static ES: Words = Words {
    months: ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
    short_months: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"],
    days: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
    short_days: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
    units: [("segundo", "segundos"), ("minuto", "minutos"), ("hora", "horas"), ("día", "días"), ("mes", "meses"), ("año", "años")],
    ago: "hace #", ahead: "dentro de #", now: "ahora",
};

#[rustfmt::skip]
static FR: Words = Words {
    months: ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
    short_months: ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
    days: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
    short_days: ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."],
    units: [("seconde", "secondes"), ("minute", "minutes"), ("heure", "heures"), ("jour", "jours"), ("mois", "mois"), ("an", "ans")],
    ago: "il y a #", ahead: "dans #", now: "maintenant",
};

#[rustfmt::skip]
static IT: Words = Words {
    months: ["gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"],
    short_months: ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
    days: ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
    short_days: ["lun", "mar", "mer", "gio", "ven", "sab", "dom"],
    units: [("secondo", "secondi"), ("minuto", "minuti"), ("ora", "ore"), ("giorno", "giorni"), ("mese", "mesi"), ("anno", "anni")],
    ago: "# fa", ahead: "tra #", now: "ora",
};

#[rustfmt::skip]
static NL: Words = Words {
    months: ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"],
    short_months: ["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
    days: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
    short_days: ["ma", "di", "wo", "do", "vr", "za", "zo"],
    units: [("seconde", "seconden"), ("minuut", "minuten"), ("uur", "uur"), ("dag", "dagen"), ("maand", "maanden"), ("jaar", "jaar")],
    ago: "# geleden", ahead: "over #", now: "nu",
};

#[rustfmt::skip]
static PT: Words = Words {
    months: ["janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"],
    short_months: ["jan.", "fev.", "mar.", "abr.", "mai.", "jun.", "jul.", "ago.", "set.", "out.", "nov.", "dez."],
    days: ["segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"],
    short_days: ["seg.", "ter.", "qua.", "qui.", "sex.", "sáb.", "dom."],
    units: [("segundo", "segundos"), ("minuto", "minutos"), ("hora", "horas"), ("dia", "dias"), ("mês", "meses"), ("ano", "anos")],
    ago: "há #", ahead: "em #", now: "agora",
};
