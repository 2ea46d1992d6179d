global using Adcp.Aot.TestResources;
