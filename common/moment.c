#include "common/moment.h"

#include <assert.h>
#include <string.h>

#define MS_PER_DAY 86400000LL
#define OFFSET_MIN_MAX 1439

/* A cursor over text that is being read. */
struct reader {
	const char *at, *end;
};

/* Days since 1970-01-01 of a day of the proleptic Gregorian calendar, from year 1 on,
 * counted in eras of 400 years that begin in March (H. Hinnant, "chrono-compatible
 * low-level date algorithms"). */
static int64_t days_from_civil(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	assert(y >= 0);
	return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int *year_out, int *month_out, int *day_out)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;

	assert(z >= 0);
	*day_out = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
	*month_out = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
	*year_out = (int)(year_of_era + era * 400 + (*month_out <= 2 ? 1 : 0));
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	assert(month >= 1 && month <= 12);
	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Writes `width` digits and returns where to go on. */
static char *put_digits(char *at, int number, int width)
{
	assert(number >= 0 && width > 0);
	for (int i = width - 1; i >= 0; i--) {
		at[i] = (char)('0' + number % 10);
		number /= 10;
	}
	assert(number == 0);
	return at + width;
}

static char *put_char(char *at, char c)
{
	*at = c;
	return at + 1;
}

static size_t reader_left(const struct reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly `width` digits with a value of min to max. */
static bool read_digits(struct reader *reader, size_t width, int min, int max, int *number_out)
{
	int number = 0;

	if (reader_left(reader) < width)
		return false;
	for (size_t i = 0; i < width; i++) {
		if (!is_digit(reader->at[i]))
			return false;
		number = number * 10 + (reader->at[i] - '0');
	}
	if (number < min || number > max)
		return false;
	reader->at += width;
	*number_out = number;
	return true;
}

static bool read_char(struct reader *reader, const char *any_of)
{
	if (reader_left(reader) == 0 || *reader->at == '\0' || strchr(any_of, *reader->at) == NULL)
		return false;
	reader->at++;
	return true;
}

/* YYYY, YYYY-MM or YYYY-MM-DD; returns how many of the three there are, 0 = none.
 * What is missing is 1. */
static int read_date(struct reader *reader, int *year_out, int *month_out, int *day_out)
{
	*month_out = 1;
	*day_out = 1;
	if (!read_digits(reader, 4, 1, 9999, year_out))
		return 0;
	if (!read_char(reader, "-"))
		return 1;
	if (!read_digits(reader, 2, 1, 12, month_out))
		return 0;
	if (!read_char(reader, "-"))
		return 2;
	return read_digits(reader, 2, 1, month_days(*year_out, *month_out), day_out) ? 3 : 0;
}

/* hh:mm, then perhaps :ss, then perhaps a fraction, of which three digits count. */
static bool read_clock(struct reader *reader, int64_t *ms_out)
{
	int hour, minute, second = 0, ms = 0;

	if (!read_digits(reader, 2, 0, 23, &hour) || !read_char(reader, ":") ||
	    !read_digits(reader, 2, 0, 59, &minute))
		return false;
	if (read_char(reader, ":")) {
		if (!read_digits(reader, 2, 0, 59, &second))
			return false;
		if (read_char(reader, ".")) {
			int scale = 100;

			if (reader_left(reader) == 0 || !is_digit(*reader->at))
				return false;
			for (; reader_left(reader) > 0 && is_digit(*reader->at); reader->at++) {
				ms += (*reader->at - '0') * scale;
				scale /= 10;
			}
		}
	}
	*ms_out = (((int64_t)hour * 60 + minute) * 60 + second) * 1000 + ms;
	return true;
}

static bool read_offset(struct reader *reader, int default_offset_min, int *offset_min_out)
{
	int sign, hour, minute;

	if (reader_left(reader) == 0) {
		if (default_offset_min == MOMENT_NO_OFFSET)
			return false;
		*offset_min_out = default_offset_min;
		return true;
	}
	if (read_char(reader, "Zz")) {
		*offset_min_out = 0;
		return true;
	}
	sign = *reader->at == '-' ? -1 : 1;
	if (!read_char(reader, "+-") || !read_digits(reader, 2, 0, 23, &hour) ||
	    !read_char(reader, ":") || !read_digits(reader, 2, 0, 59, &minute))
		return false;
	*offset_min_out = sign * (hour * 60 + minute);
	return true;
}

void moment_format(int64_t ms, char text_out[MOMENT_TEXT_SIZE])
{
	static const char out_of_range[] = "out of range";
	int year, month, day, of_day;
	int64_t days;
	char *at = text_out;

	if (ms < MOMENT_MS_MIN || ms > MOMENT_MS_MAX) {
		memcpy(text_out, out_of_range, sizeof out_of_range);
		return;
	}
	days = (ms >= 0 ? ms : ms - (MS_PER_DAY - 1)) / MS_PER_DAY;
	of_day = (int)(ms - days * MS_PER_DAY);
	assert(of_day >= 0 && of_day < MS_PER_DAY);
	civil_from_days(days, &year, &month, &day);
	at = put_char(put_digits(at, year, 4), '-');
	at = put_char(put_digits(at, month, 2), '-');
	at = put_char(put_digits(at, day, 2), 'T');
	at = put_char(put_digits(at, of_day / 3600000, 2), ':');
	at = put_char(put_digits(at, of_day / 60000 % 60, 2), ':');
	at = put_digits(at, of_day / 1000 % 60, 2);
	if (of_day % 1000 != 0)
		at = put_digits(put_char(at, '.'), of_day % 1000, 3);
	at = put_char(at, 'Z');
	*at = '\0';
	assert(at < text_out + MOMENT_TEXT_SIZE);
}

bool moment_parse(const char *text, size_t len, int default_offset_min, int64_t *ms_out)
{
	struct reader reader = { text, text + len };
	int year, month, day, offset_min;
	int64_t of_day, ms;

	assert(default_offset_min == MOMENT_NO_OFFSET ||
	       (default_offset_min >= -OFFSET_MIN_MAX && default_offset_min <= OFFSET_MIN_MAX));
	if (read_date(&reader, &year, &month, &day) != 3 || !read_char(&reader, "Tt ") ||
	    !read_clock(&reader, &of_day) ||
	    !read_offset(&reader, default_offset_min, &offset_min) || reader_left(&reader) != 0)
		return false;
	ms = days_from_civil(year, month, day) * MS_PER_DAY + of_day - (int64_t)offset_min * 60000;
	if (ms < MOMENT_MS_MIN || ms > MOMENT_MS_MAX)
		return false;
	*ms_out = ms;
	return true;
}

bool date_valid(const char *text, size_t len)
{
	int64_t days;

	return date_days(text, len, &days);
}

bool date_days(const char *text, size_t len, int64_t *days_out)
{
	struct reader reader = { text, text + len };
	int year, month, day;

	if (read_date(&reader, &year, &month, &day) == 0 || reader_left(&reader) != 0)
		return false;
	*days_out = days_from_civil(year, month, day);
	return true;
}
