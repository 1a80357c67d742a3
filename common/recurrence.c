#include "common/recurrence.h"

#include <assert.h>
#include <string.h>

#include "common/moment.h"

#define DAY_MS INT64_C(86400000)
#define INTERVAL_MAX 99
#define COUNT_MAX 999
#define WEEK 7
#define DAY_LAST (MOMENT_MS_MAX / DAY_MS) /* of the calendar */

static const char *const DAY_CODES[WEEK] = { "MO", "TU", "WE", "TH", "FR", "SA", "SU" };
static const char *const DAY_NAMES[WEEK] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
					     "Sunday" };
static const char *const FREQUENCIES[] = { "DAILY", "WEEKLY", "MONTHLY" };
static const char *const UNITS[] = { "day", "week", "month" };

/* A piece of text: a part of a rule, a word. */
struct piece {
	const char *text;
	size_t len;
};

static bool piece_is(struct piece piece, const char *word)
{
	return piece.len == strlen(word) && memcmp(piece.text, word, piece.len) == 0;
}

/* The piece up to the separator, which is taken off too. False: nothing is left. */
static bool piece_next(struct piece *rest, char separator, struct piece *out)
{
	const char *end;

	if (rest->text == NULL)
		return false;
	end = memchr(rest->text, separator, rest->len);
	*out = (struct piece){ rest->text, end == NULL ? rest->len : (size_t)(end - rest->text) };
	rest->len -= end == NULL ? rest->len : out->len + 1;
	rest->text = end == NULL ? NULL : end + 1;
	return true;
}

static bool piece_number(struct piece piece, unsigned min, unsigned max, unsigned *out)
{
	unsigned number = 0;

	if (piece.len == 0 || piece.len > 4)
		return false;
	for (size_t i = 0; i < piece.len; i++) {
		if (piece.text[i] < '0' || piece.text[i] > '9')
			return false;
		number = number * 10 + (unsigned)(piece.text[i] - '0');
	}
	if (number < min || number > max)
		return false;
	*out = number;
	return true;
}

/* --- the stored form -------------------------------------------------------------- */

enum part { PART_FREQ, PART_INTERVAL, PART_BYDAY, PART_BYHOUR, PART_BYMINUTE, PART_UNTIL, PART_COUNT, PART_KINDS };

static const char *const PARTS[PART_KINDS] = { "FREQ", "INTERVAL", "BYDAY", "BYHOUR", "BYMINUTE", "UNTIL", "COUNT" };

struct parsing {
	struct recurrence rule;
	unsigned seen; /* a bit for each part */
	unsigned hour, minute;
};

static bool parse_frequency(struct piece value, struct recurrence *rule)
{
	for (unsigned i = 0; i < sizeof FREQUENCIES / sizeof FREQUENCIES[0]; i++) {
		if (!piece_is(value, FREQUENCIES[i]))
			continue;
		rule->unit = (enum recurrence_unit)i;
		return true;
	}
	return false;
}

static bool parse_weekdays(struct piece value, struct recurrence *rule)
{
	struct piece one;

	while (piece_next(&value, ',', &one)) {
		unsigned i = 0;

		while (i < WEEK && !piece_is(one, DAY_CODES[i]))
			i++;
		if (i == WEEK || (rule->weekdays >> i & 1) != 0)
			return false;
		rule->weekdays |= 1U << i;
	}
	return true;
}

/* YYYYMMDD */
static bool parse_day(struct piece value, int64_t *day_out)
{
	char text[RECURRENCE_DATE_SIZE] = "0000-00-00";

	if (value.len != 8)
		return false;
	memcpy(text, value.text, 4);
	memcpy(text + 5, value.text + 4, 2);
	memcpy(text + 8, value.text + 6, 2);
	return date_days(text, sizeof text - 1, day_out);
}

static bool parse_part(struct parsing *p, enum part part, struct piece value)
{
	struct recurrence *rule = &p->rule;

	switch (part) {
	case PART_FREQ:
		return parse_frequency(value, rule);
	case PART_INTERVAL:
		return piece_number(value, 1, INTERVAL_MAX, &rule->interval);
	case PART_BYDAY:
		return parse_weekdays(value, rule);
	case PART_BYHOUR:
		return piece_number(value, 0, 23, &p->hour);
	case PART_BYMINUTE:
		return piece_number(value, 0, 59, &p->minute);
	case PART_UNTIL:
		return parse_day(value, &rule->until_day);
	case PART_COUNT:
		return piece_number(value, 1, COUNT_MAX, &rule->count);
	case PART_KINDS:
		break;
	}
	return false;
}

static bool parse_pair(struct parsing *p, struct piece pair)
{
	struct piece name;

	if (!piece_next(&pair, '=', &name) || pair.text == NULL)
		return false;
	for (unsigned i = 0; i < PART_KINDS; i++) {
		if (!piece_is(name, PARTS[i]))
			continue;
		if ((p->seen >> i & 1) != 0)
			return false;
		p->seen |= 1U << i;
		return parse_part(p, (enum part)i, pair);
	}
	return false;
}

static bool saw(const struct parsing *p, enum part part)
{
	return (p->seen >> part & 1) != 0;
}

bool recurrence_parse(const char *text, size_t len, struct recurrence *out)
{
	struct parsing p = { .rule = { .interval = 1, .minute_of_day = -1, .until_day = RECURRENCE_NO_END } };
	struct piece rest = { text, len }, pair;

	while (piece_next(&rest, ';', &pair))
		if (!parse_pair(&p, pair))
			return false;
	if (!saw(&p, PART_FREQ) || saw(&p, PART_BYHOUR) != saw(&p, PART_BYMINUTE) ||
	    (saw(&p, PART_UNTIL) && saw(&p, PART_COUNT)) ||
	    (saw(&p, PART_BYDAY) && p.rule.unit != RECURRENCE_WEEK))
		return false;
	if (saw(&p, PART_BYHOUR))
		p.rule.minute_of_day = (int)(p.hour * 60 + p.minute);
	*out = p.rule;
	return true;
}

/* --- writing ---------------------------------------------------------------------- */

/* Text that is cut at its room: no rule needs so much. */
struct writer {
	char *text;
	size_t len, room;
};

static void put(struct writer *w, const char *text)
{
	const size_t len = strlen(text);

	assert(w->len + len < w->room);
	memcpy(w->text + w->len, text, len + 1);
	w->len += len;
}

static void put_number(struct writer *w, unsigned number, unsigned digits_min)
{
	char text[12];
	size_t at = sizeof text - 1;

	text[at] = '\0';
	do {
		text[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0 || sizeof text - 1 - at < digits_min);
	put(w, text + at);
}

void recurrence_date(int64_t day, char text_out[RECURRENCE_DATE_SIZE])
{
	char text[MOMENT_TEXT_SIZE];

	moment_format(day * DAY_MS, text);
	memcpy(text_out, text, RECURRENCE_DATE_SIZE - 1);
	text_out[RECURRENCE_DATE_SIZE - 1] = '\0';
}

void recurrence_format(const struct recurrence *rule, char text_out[RECURRENCE_TEXT_SIZE])
{
	struct writer w = { text_out, 0, RECURRENCE_TEXT_SIZE };
	char date[RECURRENCE_DATE_SIZE];
	const char *separator = ";BYDAY=";

	put(&w, "FREQ=");
	put(&w, FREQUENCIES[rule->unit]);
	if (rule->interval > 1) {
		put(&w, ";INTERVAL=");
		put_number(&w, rule->interval, 1);
	}
	for (unsigned i = 0; i < WEEK; i++) {
		if ((rule->weekdays >> i & 1) == 0)
			continue;
		put(&w, separator);
		put(&w, DAY_CODES[i]);
		separator = ",";
	}
	if (rule->minute_of_day >= 0) {
		put(&w, ";BYHOUR=");
		put_number(&w, (unsigned)rule->minute_of_day / 60, 1);
		put(&w, ";BYMINUTE=");
		put_number(&w, (unsigned)rule->minute_of_day % 60, 1);
	}
	if (rule->until_day != RECURRENCE_NO_END) {
		recurrence_date(rule->until_day, date);
		memmove(date + 4, date + 5, 2);
		memmove(date + 6, date + 8, 3);
		put(&w, ";UNTIL=");
		put(&w, date);
	}
	if (rule->count > 0) {
		put(&w, ";COUNT=");
		put_number(&w, rule->count, 1);
	}
}

static void put_weekdays(struct writer *w, unsigned weekdays)
{
	const char *separator = " on ";

	for (unsigned i = 0; i < WEEK; i++) {
		const unsigned above = weekdays >> (i + 1);

		if ((weekdays >> i & 1) == 0)
			continue;
		put(w, separator);
		put(w, DAY_NAMES[i]);
		separator = (above & (above - 1)) == 0 ? " and " : ", ";
	}
}

void recurrence_words(const struct recurrence *rule, char words_out[RECURRENCE_WORDS_SIZE])
{
	struct writer w = { words_out, 0, RECURRENCE_WORDS_SIZE };
	char date[RECURRENCE_DATE_SIZE];

	put(&w, "every ");
	if (rule->interval > 1) {
		put_number(&w, rule->interval, 1);
		put(&w, " ");
	}
	put(&w, UNITS[rule->unit]);
	put(&w, rule->interval > 1 ? "s" : "");
	put_weekdays(&w, rule->weekdays);
	if (rule->minute_of_day >= 0) {
		put(&w, " at ");
		put_number(&w, (unsigned)rule->minute_of_day / 60, 2);
		put(&w, ":");
		put_number(&w, (unsigned)rule->minute_of_day % 60, 2);
	}
	if (rule->until_day != RECURRENCE_NO_END) {
		recurrence_date(rule->until_day, date);
		put(&w, ", until ");
		put(&w, date);
	}
	if (rule->count > 0) {
		put(&w, ", ");
		put_number(&w, rule->count, 1);
		put(&w, rule->count == 1 ? " time" : " times");
	}
}

void recurrence_say(const char *text, size_t len, char words_out[RECURRENCE_WORDS_SIZE])
{
	struct writer w = { words_out, 0, RECURRENCE_WORDS_SIZE };
	struct recurrence rule;

	if (recurrence_parse(text, len, &rule))
		recurrence_words(&rule, words_out);
	else
		put(&w, "by a rule that is not followed: no more visits are planned by it");
}

/* --- as people type it ------------------------------------------------------------ */

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* A word, whatever its case: at least len_min letters of the whole. */
static bool begins(struct piece word, const char *whole, size_t len_min)
{
	if (word.len < len_min || word.len > strlen(whole))
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (lower(word.text[i]) != lower(whole[i]))
			return false;
	return true;
}

/* "mon,wed" */
static bool read_weekdays(struct piece list, unsigned *out)
{
	unsigned weekdays = 0;
	struct piece one;

	while (piece_next(&list, ',', &one)) {
		unsigned i = 0;

		while (i < WEEK && !begins(one, DAY_NAMES[i], 3))
			i++;
		if (i == WEEK)
			return false;
		weekdays |= 1U << i;
	}
	*out = weekdays;
	return true;
}

/* "day", "days" */
static bool read_unit(struct piece word, enum recurrence_unit *out)
{
	for (unsigned i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
		const size_t len = strlen(UNITS[i]);

		if (!begins((struct piece){ word.text, word.len < len ? word.len : len }, UNITS[i], len) ||
		    (word.len != len && (word.len != len + 1 || lower(word.text[len]) != 's')))
			continue;
		*out = (enum recurrence_unit)i;
		return true;
	}
	return false;
}

bool recurrence_from_person(const char *words, struct recurrence *out)
{
	struct recurrence rule = { .unit = RECURRENCE_WEEK, .interval = 1, .minute_of_day = -1,
				   .until_day = RECURRENCE_NO_END };
	struct piece rest = { words, strlen(words) }, word[4];
	size_t count = 0, at = 0;

	while (count < 4 && piece_next(&rest, ' ', &word[count]))
		count += word[count].len > 0;
	at += at < count && piece_number(word[at], 1, INTERVAL_MAX, &rule.interval);
	if (at < count && read_unit(word[at], &rule.unit))
		at++;
	else if (at > 0)
		return false; /* a number of what? */
	if (at < count && rule.unit == RECURRENCE_WEEK && read_weekdays(word[at], &rule.weekdays))
		at++;
	if (count == 0 || at != count)
		return false;
	*out = rule;
	return true;
}

/* --- the days --------------------------------------------------------------------- */

unsigned recurrence_weekday(int64_t day)
{
	const int64_t rest = (day + 3) % WEEK; /* 1970-01-01 was a Thursday */

	return (unsigned)(rest < 0 ? rest + WEEK : rest);
}

void recurrence_begin(struct recurrence_walk *walk, const struct recurrence *rule, int64_t first)
{
	assert(rule->interval > 0);
	*walk = (struct recurrence_walk){ .rule = *rule, .first = first, .day = first, .given = 1 };
}

/* The Monday of its week. */
static int64_t monday(int64_t day)
{
	return day - recurrence_weekday(day);
}

static int64_t next_by_weekday(const struct recurrence_walk *walk)
{
	const int64_t interval = walk->rule.interval;
	int64_t day = walk->day;

	do {
		day++;
		if (recurrence_weekday(day) == 0)
			day += (interval - (day - monday(walk->first)) / WEEK % interval) % interval * WEEK;
	} while ((walk->rule.weekdays >> recurrence_weekday(day) & 1) == 0);
	return day;
}

/* Months since the year 0 began; the date as text is left in `date`. */
static unsigned months_of(int64_t day, char date[RECURRENCE_DATE_SIZE])
{
	unsigned year = 0;

	recurrence_date(day, date);
	for (size_t i = 0; i < 4; i++)
		year = year * 10 + (unsigned)(date[i] - '0');
	return year * 12 + (unsigned)(date[5] - '0') * 10 + (unsigned)(date[6] - '0') - 1;
}

/* The first visit's day so many months later. False: that month has no such day. */
static bool month_day(int64_t first, unsigned months, int64_t *day_out)
{
	char date[RECURRENCE_DATE_SIZE];
	unsigned year, month;

	month = months_of(first, date) + months;
	year = month / 12;
	month = month % 12 + 1;
	for (size_t i = 4; i-- > 0; year /= 10)
		date[i] = (char)('0' + year % 10);
	date[5] = (char)('0' + month / 10);
	date[6] = (char)('0' + month % 10);
	return date_days(date, RECURRENCE_DATE_SIZE - 1, day_out);
}

/* Beyond the calendar where there is none any more. */
static int64_t next_by_month(struct recurrence_walk *walk)
{
	int64_t day = 0;

	while (walk->months < 12 * 10000) {
		walk->months += walk->rule.interval;
		if (month_day(walk->first, walk->months, &day) && day > walk->day)
			return day;
	}
	return DAY_LAST + 1;
}

static int64_t next_day(struct recurrence_walk *walk)
{
	switch (walk->rule.unit) {
	case RECURRENCE_DAY:
		return walk->day + walk->rule.interval;
	case RECURRENCE_WEEK:
		return walk->rule.weekdays != 0 ? next_by_weekday(walk)
						: walk->day + (int64_t)WEEK * walk->rule.interval;
	case RECURRENCE_MONTH:
		return next_by_month(walk);
	}
	return DAY_LAST + 1;
}

/* A whole number of steps from the first visit, and not beyond `day`. */
static int64_t whole_steps(int64_t first, int64_t day, int64_t step)
{
	return first + (day - first) / step * step;
}

void recurrence_skip(struct recurrence_walk *walk, int64_t day)
{
	const int64_t interval = walk->rule.interval, before = day - 1;
	char date[RECURRENCE_DATE_SIZE];
	unsigned months;

	assert(walk->rule.count == 0);
	if (before <= walk->day || before > DAY_LAST)
		return;
	switch (walk->rule.unit) {
	case RECURRENCE_DAY:
		walk->day = whole_steps(walk->first, before, interval);
		break;
	case RECURRENCE_WEEK:
		if (walk->rule.weekdays == 0)
			walk->day = whole_steps(walk->first, before, WEEK * interval);
		else if (before - monday(walk->first) >= WEEK * interval)
			walk->day = whole_steps(monday(walk->first), before, WEEK * interval) - 1;
		break;
	case RECURRENCE_MONTH:
		months = months_of(before, date) - months_of(walk->first, date);
		if (months > 0)
			walk->months = (months - 1) / walk->rule.interval * walk->rule.interval;
		break;
	}
}

void recurrence_by_day(struct recurrence *rule, int64_t first)
{
	struct recurrence_walk walk;
	int64_t last = first;

	if (rule->count == 0)
		return;
	recurrence_begin(&walk, rule, first);
	while (recurrence_next(&walk, DAY_LAST, &last))
		;
	rule->until_day = last;
	rule->count = 0;
}

bool recurrence_next(struct recurrence_walk *walk, int64_t last, int64_t *day_out)
{
	if (last > DAY_LAST)
		last = DAY_LAST;
	if (last > walk->rule.until_day)
		last = walk->rule.until_day;
	if (walk->day >= last || (walk->rule.count > 0 && walk->given >= walk->rule.count))
		return false;
	walk->day = next_day(walk);
	walk->given++;
	if (walk->day > last)
		return false;
	*day_out = walk->day;
	return true;
}
