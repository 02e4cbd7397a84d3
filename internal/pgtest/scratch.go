package pgtest

// Scratch starts a cluster for a program that is no test, and gives the URL of
// an empty database on it. Settings are the server's, as name=value. Call remove
// when done.
func Scratch(settings ...string) (url string, remove func() error, err error) {
	c, err := start(Config{Settings: settings})
	if err != nil {
		return "", nil, err
	}
	return c.URL("postgres"), c.remove, nil
}
