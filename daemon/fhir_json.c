#include "daemon/fhir_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/moment.h"

#define MS_PER_DAY INT64_C(86400000)

const json_t *fhir_at(const json_t *from, const char *path)
{
	while (from != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");

		if (json_is_array(from))
			from = json_array_get(from, 0);
		from = json_object_getn(from, path, len);
		path += len;
		if (*path == '.')
			path++;
	}
	return from;
}

const char *fhir_text(const json_t *from, const char *path)
{
	const char *text = json_string_value(fhir_at(from, path));

	return text != NULL && *text != '\0' ? text : NULL;
}

static const char *first_of_codings(const json_t *concept, const char *key)
{
	const json_t *codings = json_object_get(concept, "coding");

	for (size_t i = 0; i < json_array_size(codings); i++) {
		const char *text = fhir_text(json_array_get(codings, i), key);

		if (text != NULL)
			return text;
	}
	return NULL;
}

const char *fhir_concept(const json_t *concept)
{
	const char *text = fhir_text(concept, "text");

	if (text == NULL)
		text = first_of_codings(concept, "display");
	return text != NULL ? text : first_of_codings(concept, "code");
}

bool fhir_has_code(const json_t *concepts, const char *code)
{
	const json_t *codings = json_object_get(concepts, "coding");

	for (size_t i = 0; i < json_array_size(concepts); i++)
		if (json_is_object(json_array_get(concepts, i)) && fhir_has_code(json_array_get(concepts, i), code))
			return true;
	for (size_t i = 0; i < json_array_size(codings); i++) {
		const char *text = fhir_text(json_array_get(codings, i), "code");

		if (text != NULL && strcmp(text, code) == 0)
			return true;
	}
	return false;
}

void fhir_concepts(struct buf *buf, const json_t *concepts)
{
	size_t start = buf->len;

	for (size_t i = 0; i < json_array_size(concepts); i++) {
		const char *text = fhir_concept(json_array_get(concepts, i));

		if (text == NULL)
			continue;
		if (buf->len > start)
			buf_add_str(buf, ", ");
		buf_add_str(buf, text);
	}
}

const char *fhir_last_part(const char *url)
{
	const char *part = url;

	for (; *url != '\0'; url++)
		if ((*url == '/' || *url == ':') && url[1] != '\0')
			part = url + 1;
	return part;
}

static bool is_known(const char *system)
{
	return system != NULL &&
	       (strcmp(system, "http://loinc.org") == 0 || strcmp(system, "http://snomed.info/sct") == 0);
}

/* Of several codings LOINC's or SNOMED's is preferred, since instruments and rules are known by these. */
static const json_t *coding_preferred(const json_t *concept)
{
	const json_t *codings = json_object_get(concept, "coding"), *first = NULL;

	for (size_t i = 0; i < json_array_size(codings); i++) {
		const json_t *coding = json_array_get(codings, i);
		const char *system = fhir_text(coding, "system");

		if (fhir_text(coding, "code") == NULL)
			continue;
		if (is_known(system))
			return coding;
		if (first == NULL)
			first = coding;
	}
	return first;
}

void fhir_code(struct buf *buf, const json_t *concept)
{
	const json_t *coding = coding_preferred(concept);
	const char *system = fhir_text(coding, "system");

	if (coding == NULL)
		return;
	if (system != NULL && !is_known(system)) {
		buf_add_str(buf, fhir_last_part(system));
		buf_add_byte(buf, '|');
	}
	buf_add_str(buf, fhir_text(coding, "code"));
}

void fhir_join(struct buf *buf, const json_t *strings, const char *separator)
{
	size_t start = buf->len;

	for (size_t i = 0; i < json_array_size(strings); i++) {
		const char *text = fhir_text(json_array_get(strings, i), "");

		if (text == NULL)
			continue;
		if (buf->len > start)
			buf_add_str(buf, separator);
		buf_add_str(buf, text);
	}
}

static void add_word(struct buf *buf, size_t start, const char *word)
{
	if (word == NULL)
		return;
	if (buf->len > start)
		buf_add_byte(buf, ' ');
	buf_add_str(buf, word);
}

static void add_words(struct buf *buf, size_t start, const json_t *words)
{
	for (size_t i = 0; i < json_array_size(words); i++)
		add_word(buf, start, fhir_text(json_array_get(words, i), ""));
}

void fhir_name(struct buf *buf, const json_t *name, bool with_prefix)
{
	size_t start = buf->len;
	const char *text = fhir_text(name, "text");

	if (text != NULL) {
		buf_add_str(buf, text);
		return;
	}
	if (with_prefix)
		add_words(buf, start, json_object_get(name, "prefix"));
	add_words(buf, start, json_object_get(name, "given"));
	add_word(buf, start, fhir_text(name, "family"));
	add_words(buf, start, json_object_get(name, "suffix"));
}

bool fhir_number(const json_t *number, char text_out[FHIR_NUMBER_SIZE])
{
	double real = json_real_value(number);

	if (json_is_integer(number)) {
		(void)snprintf(text_out, FHIR_NUMBER_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
		return true;
	}
	if (!json_is_real(number))
		return false;
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text_out, FHIR_NUMBER_SIZE, "%.*g", digits, real);
		if (strtod(text_out, NULL) == real)
			break;
	}
	/* "70.0" was written with a decimal because it was measured to one. */
	if (strpbrk(text_out, ".e") == NULL)
		(void)snprintf(text_out + strlen(text_out), FHIR_NUMBER_SIZE - strlen(text_out), ".0");
	return true;
}

bool fhir_time(const char *text, int64_t *ms_out)
{
	int64_t days;

	if (text == NULL)
		return false;
	if (date_valid(text, strlen(text)) && date_days(text, strlen(text), &days)) {
		*ms_out = days * MS_PER_DAY;
		return true;
	}
	return moment_parse(text, strlen(text), 0, ms_out);
}
