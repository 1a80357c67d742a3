#include "client/address.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

static enum status fail(struct failure *why)
{
	return failure_set(why, ST_INVALID, "This is no address of a centre.", NULL,
			   "Write it as https://NAME or https://NAME:PORT, as your administrator gave it.");
}

/* Scheme, host, port; nothing else may be in it. */
static enum status url_take(CURLU *url, char url_out[ADDRESS_SIZE], char host_out[ADDRESS_SIZE])
{
	static const CURLUPart UNWANTED[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT };
	char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *other = NULL;
	enum status st = ST_INVALID;
	int len = 0;

	for (size_t i = 0; i < sizeof UNWANTED / sizeof UNWANTED[0]; i++)
		if (curl_url_get(url, UNWANTED[i], &other, 0) == CURLUE_OK)
			goto out;
	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK || strcmp(scheme, "https") != 0 ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || *host == '\0' ||
	    curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK || strcmp(path, "/") != 0)
		goto out;
	(void)curl_url_get(url, CURLUPART_PORT, &port, 0);
	len = snprintf(url_out, ADDRESS_SIZE, "https://%s:%s", host, port != NULL ? port : ADDRESS_PORT);
	st = len > 0 && len < ADDRESS_SIZE ? ST_OK : ST_LIMIT;
	if (st == ST_OK)
		snprintf(host_out, ADDRESS_SIZE, "%s", host);
out:
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(path);
	curl_free(other);
	return st;
}

static enum status url_parse(const char *text, char url_out[ADDRESS_SIZE], char host_out[ADDRESS_SIZE])
{
	char whole[ADDRESS_SIZE];
	CURLU *url = NULL;
	enum status st = ST_INVALID;
	const int len = snprintf(whole, sizeof whole, "%s%s", strstr(text, "://") == NULL ? "https://" : "", text);

	if (len <= 0 || len >= (int)sizeof whole)
		return ST_LIMIT;
	url = curl_url();
	if (url == NULL)
		return ST_NOMEM;
	if (curl_url_set(url, CURLUPART_URL, whole, 0) == CURLUE_OK)
		st = url_take(url, url_out, host_out);
	curl_url_cleanup(url);
	return st;
}

enum status address_read(const char *text, char url_out[ADDRESS_SIZE], char host_out[ADDRESS_SIZE], struct failure *why)
{
	char url[ADDRESS_SIZE], host[ADDRESS_SIZE];
	const enum status st = url_parse(text, url, host);

	if (st == ST_INVALID)
		return fail(why);
	if (st != ST_OK)
		return failure_set(why, st, NULL, NULL, NULL);
	memcpy(url_out, url, sizeof url);
	memcpy(host_out, host, sizeof host);
	return ST_OK;
}
