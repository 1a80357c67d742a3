#include "common/text_words.h"

#include <assert.h>
#include <string.h>

#define WORD_MAX 32 /* longer than any row; a longer word is in no row */

/* In order of bytes, as fold() makes words: small letters, no full stops, no acute accents, tildes and diaereses. Numbers; units and dose forms; how often and when; dates; sides;
 * negation and what stops. English and Spanish; of French, German, Portuguese, Arabic, Hebrew and Russian the sides and
 * negations. A word that also means something harmless ("left", "may", "one", "l") is careful all the same: that costs a
 * person a look, the other way round could cost more. "sat", "sun" and "mar" alone are left out: they are mostly no dates. */
static const char *const CAREFUL[] = {
	"abril", "absence", "absent", "afternoon", "afternoons", "agosto", "aint", "ambas", "ambos", "ampoule",
	"ampoules", "anoche", "apr", "april", "arent", "aucun", "aucune", "aug", "august", "ausente", "ayer", "bd",
	"bedtime", "bid", "bilateral", "bilaterales", "bilaterally", "biweekly", "both", "bpm", "cada", "cannot",
	"cant", "cap", "caps", "capsula", "capsulas", "capsule", "capsules", "catorce", "cc", "cero", "cien",
	"ciento", "cinco", "cincuenta", "cm", "comprimido", "comprimidos", "couldnt", "couple", "cuarenta", "cuarto",
	"cuatro", "daily", "dec", "december", "decline", "declined", "declines", "declining", "denial", "denied",
	"denies", "deny", "denying", "derecha", "derechas", "derecho", "derechos", "diaria", "diariamente", "diario",
	"diciembre", "didnt", "diecinueve", "dieciocho", "dieciseis", "diecisiete", "diez", "direita", "direito",
	"discontinue", "discontinued", "discontinues", "dl", "doble", "doce", "doesnt", "domingo", "domingos", "dont",
	"dos", "dosage", "dose", "dosed", "doses", "dosis", "double", "doubled", "dozen", "droite", "drop", "drops",
	"eight", "eighteen", "eighty", "eleven", "enero", "esquerda", "esquerdo", "evening", "evenings", "every",
	"feb", "febrero", "february", "fifteen", "fifty", "five", "fortnightly", "forty", "four", "fourteen", "fri",
	"friday", "fridays", "g", "gauche", "gm", "gota", "gotas", "gr", "gram", "grams", "gtt", "hadnt", "half",
	"halves", "hasnt", "havent", "hourly", "hoy", "hs", "hundred", "incapaz", "inhalacion", "inhalaciones",
	"injection", "injections", "isnt", "iu", "izq", "izquierda", "izquierdas", "izquierdo", "izquierdos",
	"jamais", "jamas", "jan", "january", "jueves", "jul", "julio", "july", "jun", "june", "junio", "kein",
	"keine", "keinen", "keiner", "kg", "l", "lb", "lbs", "left", "linke", "linken", "linker", "linkes", "links",
	"liter", "liters", "litre", "litres", "lt", "lunes", "manana", "mananas", "march", "martes", "marzo", "may",
	"mayo", "mcg", "media", "medianoche", "medio", "mediodia", "mensual", "meq", "mg", "midday", "midnight",
	"miercoles", "mil", "mitad", "ml", "mm", "mmhg", "mmol", "mol", "mon", "monday", "mondays", "monthly",
	"morning", "mornings", "mval", "nada", "nao", "ne", "neg", "negar", "negaron", "negativa", "negative",
	"negativo", "nego", "neither", "nem", "nenhum", "nenhuma", "never", "ni", "nicht", "nie", "niega", "niego",
	"night", "nightly", "nights", "nil", "nine", "nineteen", "ninety", "ningun", "ninguna", "ninguno", "no",
	"noche", "noches", "non", "none", "noon", "nor", "not", "nothing", "nov", "november", "noventa", "noviembre",
	"nueve", "nunca", "ochenta", "ocho", "oct", "october", "octubre", "od", "ohne", "om", "once", "one",
	"overnight", "oz", "parche", "parches", "pas", "pastilla", "pastillas", "patch", "patches", "percent", "pill",
	"pills", "pm", "prn", "puff", "puffs", "qam", "qd", "qds", "qhs", "qid", "qod", "qpm", "quarter", "quarters",
	"quince", "r", "rechaza", "rechazo", "rechte", "rechten", "rechter", "rechtes", "rechts", "refusal", "refuse",
	"refused", "refuses", "refusing", "right", "rt", "sabado", "sabados", "sans", "saturday", "saturdays", "seis",
	"sem", "semanal", "semanalmente", "sep", "sept", "september", "septiembre", "sesenta", "setenta", "setiembre",
	"seven", "seventeen", "seventy", "shouldnt", "siete", "sin", "single", "six", "sixteen", "sixty", "spray",
	"sprays", "stat", "stop", "stopped", "stopping", "stops", "sunday", "sundays", "suppository", "suspender",
	"suspendida", "suspendido", "suspendio", "tab", "tablespoon", "tablespoons", "tablet", "tableta", "tabletas",
	"tablets", "tabs", "tampoco", "tarde", "tardes", "tbsp", "tds", "teaspoon", "teaspoons", "ten", "tercio",
	"third", "thirteen", "thirty", "thousand", "three", "thrice", "thu", "thur", "thurs", "thursday", "thursdays",
	"tid", "today", "tomorrow", "tonight", "trece", "treinta", "tres", "triple", "tsp", "tue", "tues", "tuesday",
	"tuesdays", "twelve", "twenty", "twice", "two", "u", "ug", "una", "unable", "unas", "unidad", "unidades",
	"unilateral", "unilaterally", "unit", "units", "uno", "unos", "veinte", "vial", "vials", "viernes", "w/o",
	"wasnt", "wed", "wednesday", "wednesdays", "weekly", "werent", "without", "wont", "wouldnt", "yearly",
	"yesterday", "zero", "без", "левая", "левый", "не", "нет", "ни", "правая", "правый", "אין", "אינה", "אינו",
	"בלי", "ימין", "ימנית", "לא", "ללא", "שמאל", "שמאלית", "الأيسر", "الأيمن", "اليسرى", "اليمنى", "بدون", "بلا",
	"غير", "لا", "لم", "لن", "ليس", "ليست", "يسار", "يمين",
};

#define CAREFUL_COUNT (sizeof CAREFUL / sizeof CAREFUL[0])

/* Han numerals, sides, negations, times and forms; of kana what most negations have (nai, masen, zu). In order of bytes. */
static const char CAREFUL_CJK[][4] = {
	"〇", "ず", "せ", "な", "ぬ", "一", "七", "万", "三", "不", "両", "两", "九", "二", "五", "仅", "今", "停", "兩", "八", "六", "减",
	"別", "别", "勿", "十", "千", "午", "半", "单", "双", "只", "右", "否", "單", "四", "夜", "左", "拒", "无", "早", "明", "昨", "晚",
	"朝", "未", "毎", "每", "沒", "没", "減", "滴", "無", "片", "百", "粒", "萬", "雙", "零", "非", "首",
};

#define CAREFUL_CJK_COUNT (sizeof CAREFUL_CJK / sizeof CAREFUL_CJK[0])

/* Unicode 14.0: numbers (Nd, Nl, No) of the scripts that notes may hold. In order. */
static const uint32_t NUMBERS[][2] = {
	{ '0', '9' }, { 0xB2, 0xB3 }, { 0xB9, 0xB9 }, { 0xBC, 0xBE }, { 0x660, 0x669 }, { 0x6F0, 0x6F9 }, { 0x7C0, 0x7C9 },
	{ 0x966, 0x96F }, { 0x9E6, 0x9EF }, { 0xA66, 0xA6F }, { 0xAE6, 0xAEF }, { 0xB66, 0xB6F }, { 0xBE6, 0xBF2 }, { 0xC66, 0xC6F },
	{ 0xCE6, 0xCEF }, { 0xD66, 0xD78 }, { 0xE50, 0xE59 }, { 0xED0, 0xED9 }, { 0xF20, 0xF33 }, { 0x1040, 0x1049 },
	{ 0x1369, 0x137C }, { 0x17E0, 0x17E9 }, { 0x1810, 0x1819 }, { 0x2070, 0x2079 }, { 0x2080, 0x2089 }, { 0x2150, 0x2189 },
	{ 0x2460, 0x249B }, { 0x24EA, 0x24FF }, { 0x2776, 0x2793 }, { 0xFF10, 0xFF19 }, { 0x1D7CE, 0x1D7FF },
};

#define NUMBER_COUNT (sizeof NUMBERS / sizeof NUMBERS[0])

/* Letters whose accent is left out: those of Spanish and Portuguese, in which the table has words. Others keep theirs:
 * "très" is not "tres". */
static const struct {
	uint32_t c;
	char plain;
} ACCENTED[] = {
	{ 0xC1, 'a' }, { 0xC3, 'a' }, { 0xC9, 'e' }, { 0xCD, 'i' }, { 0xD1, 'n' }, { 0xD3, 'o' }, { 0xDA, 'u' }, { 0xDC, 'u' },
	{ 0xE1, 'a' }, { 0xE3, 'a' }, { 0xE9, 'e' }, { 0xED, 'i' }, { 0xF1, 'n' }, { 0xF3, 'o' }, { 0xFA, 'u' }, { 0xFC, 'u' },
	{ 0x2019, '\'' }, { 0xB5, 'u' }, { 0x3BC, 'u' }, /* and a quote, and micro */
};

/* A word as the table has it. */
struct folded {
	char at[WORD_MAX];
	size_t len;
	bool number;   /* it holds a digit */
	bool overlong; /* it is longer than any row */
};

static bool is_number(uint32_t c)
{
	for (size_t i = 0; i < NUMBER_COUNT && c >= NUMBERS[i][0]; i++)
		if (c <= NUMBERS[i][1])
			return true;
	return false;
}

static void add(struct folded *word, char c)
{
	if (word->len < WORD_MAX)
		word->at[word->len++] = c;
	else
		word->overlong = true;
}

/* The bytes of one character, folded. */
static void add_char(struct folded *word, const char *at, size_t len, uint32_t c)
{
	if (c == '.' || c == 0x301 || c == 0x303 || c == 0x308)
		return; /* full stops and the same accents, decomposed */
	for (size_t i = 0; i < sizeof ACCENTED / sizeof ACCENTED[0]; i++)
		if (ACCENTED[i].c == c) {
			add(word, ACCENTED[i].plain);
			return;
		}
	if (c >= 0x410 && c <= 0x42F) {
		add(word, (char)(0xC0 | (c + 0x20) >> 6));
		add(word, (char)(0x80 | ((c + 0x20) & 0x3F)));
		return;
	}
	for (size_t i = 0; i < len; i++)
		add(word, (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] - 'A' + 'a' : at[i]));
}

static struct folded fold(const char *at, size_t len)
{
	struct folded word = { .len = 0 };

	for (size_t done = 0; done < len;) {
		size_t char_len;
		const uint32_t c = text_words_char(at + done, &char_len);

		word.number = word.number || is_number(c);
		add_char(&word, at + done, char_len, c);
		done += char_len;
	}
	return word;
}

/* strcmp of a row and bytes that end where len says. */
static int compare(const char *row, const char *at, size_t len)
{
	const int order = strncmp(row, at, len);

	if (order != 0)
		return order;
	return row[len] != '\0';
}

static bool in_table(const char *at, size_t len)
{
	size_t low = 0, high = CAREFUL_COUNT;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const int order = compare(CAREFUL[middle], at, len);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Doesn't, can't and all the others. */
static bool ends_in_not(const struct folded *word)
{
	const char *end = word->at + word->len;

	return word->len >= 3 && end[-3] == 'n' && end[-2] == '\'' && end[-1] == 't';
}

/* The word or one of the parts it is joined of: left-sided, mg/kg, non-verbal. */
static bool word_careful(const struct folded *word)
{
	size_t from = 0;

	if (ends_in_not(word) || in_table(word->at, word->len))
		return true;
	for (size_t i = 0; i <= word->len; i++) {
		if (i < word->len && strchr("-/,:_+%", word->at[i]) == NULL)
			continue;
		if (i > from && in_table(word->at + from, i - from))
			return true;
		from = i + 1;
	}
	return false;
}

bool text_words_careful(const struct text_units *units, uint32_t index)
{
	const struct text_unit *unit = &units->units[index];
	const char *at = units->text.at + unit->at;

	assert(index < units->count);
	if (unit->kind == TEXT_CJK) {
		for (size_t i = 0; i < CAREFUL_CJK_COUNT; i++)
			if (unit->len >= 3 && memcmp(CAREFUL_CJK[i], at, 3) == 0)
				return true;
		return false;
	}
	if (unit->kind == TEXT_MARK)
		return unit->len == 1 && *at == '%';
	if (unit->kind == TEXT_WORD) {
		const struct folded word = fold(at, unit->len);

		/* What is too long for the table was not folded as a whole; who writes like that is read by a person. */
		return word.number || word.overlong || word_careful(&word);
	}
	return false;
}

const char *text_words_careful_row(size_t index)
{
	return index < CAREFUL_COUNT ? CAREFUL[index] : NULL;
}
