// Before the first paint: the theme that the admin keeps in this browser also holds on our own pages.
(() => {
  try {
    const theme = JSON.parse(localStorage.getItem("adminTheme") || '"auto"');
    if (theme === "dark" || theme === "light") document.documentElement.classList.add(theme);
  } catch { /* storage may be closed: the system's theme then holds */ }
})();
